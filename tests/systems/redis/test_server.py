"""What a running Redis or Sentinel is told when its files change, and when it must restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.systems.redis import server as redis
from scaling_guide.systems.sentinel import server as sentinel
from scaling_guide.systems.sentinel.target import SentinelTarget
from tests.systems.redis import servers
from tests.systems.redis.servers import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with servers.running(tmp_path_factory.mktemp("redis") / "node", ["maxmemory 64mb"]) as running:
        yield running


@pytest.fixture(scope="module")
def watcher(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelTarget]:
    with servers.sentinel(tmp_path_factory.mktemp("redis") / "sentinel", node.target) as target:
        yield operated(target)


def operated(target: SentinelTarget) -> SentinelTarget:
    """The target with the operator's password where the checker's is."""
    other = target.model_copy(update={"operator_password_file": target.password_file})
    other._id = "sentinel-under-test"
    return other


def texts(node: Node) -> dict[str, str]:
    return {name: (Path(node.target.directory) / name).read_text() for name in ("redis.conf", "users.acl")}


def with_lines(files: dict[str, str], name: str, *lines: str) -> dict[str, str]:
    return {**files, name: files[name] + "".join(f"{line}\n" for line in lines)}


def running(node: Node, name: str) -> str:
    return str(node.operator.config_get(name)[name])


def test_a_directive_is_set_and_goes_back_to_its_default_when_it_is_gone(node: Node) -> None:
    before = texts(node)
    after = with_lines(before, "redis.conf", "timeout 77")
    assert redis.told(node.target, before, after)
    assert running(node, "timeout") == "77"
    assert redis.told(node.target, after, before)
    assert running(node, "timeout") == "0"


def test_counters_begin_anew_as_after_a_restart(node: Node) -> None:
    node.operator.get("nothing")
    assert node.operator.info("stats")["keyspace_misses"] > 0
    before = texts(node)
    assert redis.told(node.target, before, with_lines(before, "redis.conf", "timeout 0"))
    assert node.operator.info("stats")["keyspace_misses"] == 0


@pytest.mark.parametrize("line", ["io-threads 3", "tcp-backlog 99", "no-such-directive 1"])
def test_what_a_running_server_cannot_be_told_takes_a_restart(node: Node, line: str) -> None:
    before = texts(node)
    assert not redis.told(node.target, before, with_lines(before, "redis.conf", line))


def test_users_are_changed_one_by_one_and_nobody_else_is_cut_off(node: Node) -> None:
    before = texts(node)
    after = with_lines(before, "users.acl", "user other on nopass ~* +get")
    mine = node.operator.client_id()
    assert redis.told(node.target, before, after)
    assert "other" in node.operator.acl_users()
    assert redis.told(node.target, after, before)
    assert "other" not in node.operator.acl_users()
    assert node.operator.client_id() == mine


def test_without_a_word_in_the_file_anybody_may_do_anything(node: Node) -> None:
    before = texts(node)
    kept = [line for line in before["users.acl"].splitlines() if not line.startswith("user default")]
    after = {**before, "users.acl": "\n".join(kept)}
    assert redis.told(node.target, before, after)
    assert node.operator.acl_getuser("default")["enabled"]
    assert redis.told(node.target, after, before)
    assert not node.operator.acl_getuser("default")["enabled"]


# ---------------------------------------------------------------------------------------------- Sentinel


def its_texts(target: SentinelTarget, down: int, quorum: int = 1) -> dict[str, str]:
    return {
        "sentinel.conf": f"port {target.port}\nsentinel monitor sessions 127.0.0.1 6379 {quorum}\n"
        f"sentinel down-after-milliseconds sessions {down}\n",
        "users.acl": "user default off\n",
    }


def test_a_sentinel_is_told_what_it_can_be(watcher: SentinelTarget) -> None:
    assert sentinel.told(watcher, its_texts(watcher, 1000), its_texts(watcher, 2000, quorum=2))
    with redis.operator(watcher) as connection:
        master = connection.sentinel_master("sessions")
    assert (master["down-after-milliseconds"], master["quorum"]) == (2000, 2)


def test_a_sentinel_is_restarted_for_anything_else(watcher: SentinelTarget) -> None:
    before = its_texts(watcher, 1000)
    assert not sentinel.told(watcher, before, with_lines(before, "sentinel.conf", "loglevel verbose"))
    assert not sentinel.told(watcher, before, with_lines(before, "users.acl", "user other on"))
    gone = {**before, "sentinel.conf": before["sentinel.conf"].rpartition("sentinel down")[0]}
    assert not sentinel.told(watcher, before, gone)


def test_what_a_sentinel_has_learned_stays_in_its_file_and_what_was_never_there_does_not(
    node: Node, watcher: SentinelTarget, tmp_path: Path
) -> None:
    path = tmp_path / "sentinel.conf"
    target = watcher.model_copy(update={"config": str(path)})
    known = [
        f"sentinel known-replica sessions {node.target.address} 6380",
        "sentinel known-sentinel sessions 127.0.0.9 26379 abc",
        "sentinel current-epoch 3",
    ]
    path.write_text("\n".join(["port 1", *known, "sentinel known-replica sessions 127.0.0.1 6379", ""]))
    around = Environment(title="Test", tier="medium", site="app.test", targets={"node": node.target})
    kept = sentinel.with_learned(around, target, {"sentinel.conf": "port 2\n"})
    assert kept["sentinel.conf"].splitlines() == ["port 2", *known]
