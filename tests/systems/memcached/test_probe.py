"""What the probe of Memcached sees of a real one, and what it says when it cannot look."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import CannotObserve, Unreachable
from scaling_guide.systems.memcached import probe as memcached
from scaling_guide.systems.memcached.target import MemcachedTarget
from tests.systems.redis import servers

OPTIONS = ("-m 64", "-c 100", "-t 2", "-U 0", "-F", "-X", "-o modern,idle_timeout=300")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemcachedTarget]:
    words = " ".join(OPTIONS).split()
    with servers.memcached(tmp_path_factory.mktemp("memcached"), *words) as running:
        yield running


def look(target: MemcachedTarget, deadline: float = 5.0) -> Mapping[str, Any]:
    environment = Environment(title="Test", tier="medium", site="app.test", targets={target.id: target})
    return memcached.probe(environment, target, deadline)[1]


def test_what_runs_is_told_as_it_is_written(target: MemcachedTarget) -> None:
    seen = look(target)
    assert seen["memory > limit in MiB"] == 64
    assert (seen["settings > flush_enabled"], seen["settings > dump_enabled"]) == ("no", "no")
    assert (seen["settings > udpport"], seen["settings > maxconns"]) == ("0", "100")


def test_looking_empties_nothing_even_where_flushing_is_allowed(tmp_path: Path) -> None:
    with servers.memcached(tmp_path, "-U", "0") as careless:
        with socket.create_connection((servers.HOST, careless.port), timeout=2) as connection:
            connection.sendall(b"set a 0 60 1\r\nx\r\n")
            assert connection.recv(100) == b"STORED\r\n"
        seen = look(careless)
        assert seen["settings > flush_enabled"] == "yes"
        assert (look(careless)["stats > curr_items"], seen["stats > curr_items"]) == ("1", "1")


def test_memory_that_a_client_took_away_is_seen(tmp_path: Path) -> None:
    with servers.memcached(tmp_path, "-m", "256", "-U", "0") as large:
        assert look(large)["memory > limit in MiB"] == 256
        with socket.create_connection((servers.HOST, large.port), timeout=2) as connection:
            connection.sendall(b"cache_memlimit 32\r\n")
            assert connection.recv(100) == b"OK\r\n"
        assert look(large)["memory > limit in MiB"] == 32


def test_a_queue_that_the_kernel_cut_is_as_long_as_the_kernel_says(tmp_path: Path) -> None:
    allowed = int(Path("/proc/sys/net/core/somaxconn").read_text())
    with servers.memcached(tmp_path, "-b", str(allowed + 1000), "-U", "0") as hopeful:
        seen = look(hopeful)
        assert (seen["settings > tcp_backlog"], seen["listen > backlog"]) == (str(allowed + 1000), allowed)


def test_a_refused_connection_stays_counted(target: MemcachedTarget) -> None:
    with ExitStack() as held:
        for _ in range(150):
            last = held.enter_context(socket.create_connection((servers.HOST, target.port), timeout=2))
        assert b"Too many open connections" in last.recv(100)
        with pytest.raises(Unreachable):
            look(target)
    servers.until(lambda: int(look_or_none(target).get("stats > curr_connections", 99)) < 20)
    seen = look(target)
    assert int(seen["stats > rejected_connections"]) > 0
    assert seen["stats > listen_disabled_num"] == "0"


def look_or_none(target: MemcachedTarget) -> Mapping[str, Any]:
    try:
        return look(target)
    except CannotObserve:
        return {}


def test_a_file_that_changed_after_the_start_is_seen(target: MemcachedTarget) -> None:
    before = look(target)["process > older than file"]
    Path(target.config).write_text("-m 128\n")
    assert (before, look(target)["process > older than file"]) == ("no", "yes")


def test_a_port_at_which_nobody_listens_is_unreachable(target: MemcachedTarget) -> None:
    with pytest.raises(Unreachable):
        look(target.model_copy(update={"port": servers.free_port()}))


@pytest.mark.parametrize("said", [b"SSH-2.0-nonsense\r\n", b"STAT pid 1\r\n", b"END\r\n", b""])
def test_another_protocol_or_half_an_answer_is_never_an_observation(
    target: MemcachedTarget, said: bytes
) -> None:
    with servers.lying(said) as port, pytest.raises(CannotObserve):
        look(target.model_copy(update={"port": port}), 0.5)
