"""Many looks over ssh are few connections: sshd's own limits are never reached, and its log says so."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.probes import observe as module
from scaling_guide.probes import ssh, transport
from scaling_guide.probes.observation import Failure, Found, Need, Observation, Result, Unreachable
from scaling_guide.probes.observe import observe
from scaling_guide.probes.probe import Over, Probe
from tests.systems import servers

ADDRESS = servers.HOST
ASKED = Probe(
    lambda environment, target, deadline: (
        "",
        {"said": transport.run(target.host, "sleep 0.05; echo fine", deadline).stdout},
    ),
    by_hand={},
    over=Over.HOST,
)


@dataclass(frozen=True)
class Sshd:
    """A server for this user alone, with Debian's limits."""

    port: int
    log: Path

    def logged(self, pattern: str) -> int:
        return len(re.findall(pattern, self.log.read_text(), re.MULTILINE))

    @property
    def handshakes(self) -> int:
        return self.logged("Accepted publickey")

    @property
    def refusals(self) -> int:
        return self.logged(r"drop connection|throttling|no more sessions")


Start = Callable[[], Sshd]
Hosts = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the connections of a test are kept, apart from those of this user."""
    with tempfile.TemporaryDirectory(prefix="sg-ssh-", dir="/tmp") as directory:
        monkeypatch.setattr(ssh, "control_directory", lambda: Path(directory))
        yield Path(directory)


@pytest.fixture
def start(tmp_path: Path, connections: Path) -> Iterator[Start]:
    """Starts servers, and stops them with all connections that were kept."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "sshd is not installed: tools/setup tests"
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root wants it
    for key in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True, timeout=20
        )
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> Sshd:
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            port = free.getsockname()[1]
        config, log = tmp_path / f"sshd-{port}", tmp_path / f"sshd-{port}.log"
        config.write_text(
            f"ListenAddress {ADDRESS}:{port}\nHostKey {tmp_path}/host\n"
            f"AuthorizedKeysFile {tmp_path}/user.pub\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
            "LogLevel VERBOSE\nMaxStartups 10:30:100\nMaxSessions 10\nPerSourceMaxStartups none\n"
        )
        running.append(subprocess.Popen([program, "-D", "-f", config, "-E", log], start_new_session=True))
        until = time.monotonic() + 20
        while not log.exists() or "Server listening" not in log.read_text():
            assert time.monotonic() < until, "sshd does not start"
            time.sleep(0.02)
        return Sshd(port, log)

    yield begin
    for server in running:
        server.terminate()
        server.wait(10)
    for kept in connections.iterdir():
        subprocess.run(["ssh", "-o", f"ControlPath={kept}", "-O", "exit", "none"], capture_output=True)


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    """URIs of aliases of a server, each for a connection of its own, behind another one where it is named."""

    def named(server: Sshd, count: int, bastion: Sshd | None = None) -> list[str]:
        config = tmp_path / "ssh_config"
        jump = "ProxyJump bastion\n" if bastion else ""
        with config.open("a") as file:
            if bastion:
                file.write(f"Host bastion\nPort {bastion.port}\n")
            file.write(f"Host {server.port}-*\nPort {server.port}\n{jump}")
            file.write(
                f"Host *\nHostName {ADDRESS}\nUser {getpass.getuser()}\nIdentityFile {tmp_path}/user\n"
                "IdentitiesOnly yes\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
            )
        return [f"ssh://{server.port}-{number}?ssh_config={config}" for number in range(count)]

    return named


@pytest.fixture(autouse=True)
def _asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probe", lambda name, system: ASKED)


def environment(hosts: list[str]) -> Environment:
    targets = {
        f"app-{number}": servers.app_target(1).model_copy(update={"host": host})
        for number, host in enumerate(hosts)
    }
    found = servers.environment(**{name.replace("-", "_"): target for name, target in targets.items()})
    return found.model_copy(update={"targets": targets})


def look(hosts: list[str], deadline: float, each: int = 1) -> Mapping[Need, Result]:
    where = environment(hosts)
    return observe(where, [(f"probe-{n}", name) for name in where.targets for n in range(each)], deadline)


def reasons(results: Mapping[Need, Result]) -> list[str]:
    return [result.message for result in results.values() if isinstance(result, Failure)]


# ------------------------------------------------------------------------------------------ a real sshd


def test_all_looks_at_a_host_share_one_connection_and_stay_below_its_sessions(
    start: Start, hosts: Hosts
) -> None:
    server = start()
    assert reasons(look(hosts(server, 1), 20, each=24)) == []
    assert (server.handshakes, server.refusals) == (1, 0)


def test_a_later_run_takes_the_connection_that_is_open(start: Start, hosts: Hosts) -> None:
    server = start()
    there = hosts(server, 1)
    for _ in range(2):
        assert reasons(look(there, 20)) == []
    assert server.handshakes == 1


def test_many_hosts_behind_one_address_are_not_refused(start: Start, hosts: Hosts) -> None:
    server = start()
    assert reasons(look(hosts(server, 24), 20)) == []
    assert (server.handshakes, server.refusals) == (24, 0)


def test_a_bastion_refuses_nothing_either(start: Start, hosts: Hosts) -> None:
    server, bastion = start(), start()
    assert reasons(look(hosts(server, 14, bastion), 20)) == []
    assert (bastion.refusals, server.refusals) == (0, 0)


def test_probes_that_ask_by_themselves_share_the_connection_too(start: Start, hosts: Hosts) -> None:
    server = start()
    (host,) = hosts(server, 1)
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: transport.run(host, "sleep 0.05; echo fine", 20), range(24)))
    assert [answer.stdout for answer in answers] == ["fine\n"] * 24
    assert (server.handshakes, server.refusals) == (1, 0)


def test_an_ssh_config_that_leads_elsewhere_now_is_followed(
    start: Start, hosts: Hosts, tmp_path: Path
) -> None:
    before, after = start(), start()
    there = hosts(before, 1)
    look(there, 20)
    config = tmp_path / "ssh_config"
    config.write_text(config.read_text().replace(f"Port {before.port}", f"Port {after.port}"))
    assert reasons(look(there, 20)) == []
    assert (before.handshakes, after.handshakes) == (1, 1)


# --------------------------------------------------------------------------------------- stand-ins for ssh


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a shell script in place of `ssh`; returns the file that it may log to."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def put(text: str) -> Path:
        log = tmp_path / "log"
        script = f'#!/bin/sh\nlog={log}\nfor last; do :; done\n{text}\nexec sh -c "$last"\n'
        (tmp_path / "ssh").write_text(script)
        (tmp_path / "ssh").chmod(0o755)
        return log

    return put


def standins(count: int) -> list[str]:
    return [f"ssh://stand-in-{number}-{time.monotonic_ns()}" for number in range(count)]


def test_a_dead_host_costs_one_deadline_and_the_others_nothing(program: Callable[[str], Path]) -> None:
    log = program('case "$*" in *dead*) echo tried >>"$log"; sleep 60 ;; esac')
    dead = f"ssh://dead-{time.monotonic_ns()}"
    started = time.monotonic()
    results = look([dead, *standins(3)], 1.0, each=30)
    assert time.monotonic() - started < 10
    assert log.read_text() == "tried\n"
    outcomes = {
        target: {type(results[need]) for need in results if need[1] == target} for _, target in results
    }
    assert outcomes.pop("app-0") == {Failure}
    assert set.union(*outcomes.values()) == {Observation}


def test_a_connection_that_was_dropped_is_tried_again(program: Callable[[str], Path]) -> None:
    log = program(
        'echo tried >>"$log"; [ $(wc -l <"$log") -gt 2 ] || '
        '{ echo "kex_exchange_identification: Connection closed by remote host" >&2; exit 255; }'
    )
    assert transport.run(*standins(1), "echo fine", 10).stdout == "fine\n"
    assert log.read_text().count("tried") == 4


@pytest.mark.parametrize(
    ("said", "attempts"),
    [("Permission denied (publickey).", 1), ("kex_exchange_identification: Connection reset by peer", 3)],
)
def test_a_host_that_refuses_is_not_asked_for_ever(
    program: Callable[[str], Path], said: str, attempts: int
) -> None:
    log = program(f'echo tried >>"$log"; echo "{said}" >&2; exit 255')
    with pytest.raises(Unreachable, match=re.escape(said)):
        transport.run(*standins(1), "echo fine", 10)
    assert log.read_text().count("tried") == attempts


# ------------------------------------------------------------------------------------------------- bounds


def test_the_number_of_looks_at_a_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def counting(environment: Environment, target: Any, deadline: float) -> Found:
        nonlocal now, most
        with lock:
            now += 1
            most = max(now, most)
        time.sleep(0.02)
        with lock:
            now -= 1
        return "", {"seen": "yes"}

    monkeypatch.setattr(module, "probe", lambda name, system: Probe(counting, by_hand={}))
    assert reasons(look(["local://"], 5, each=200)) == []
    assert most == module.LOOKS


def one_at_a_time() -> Callable[..., Any]:
    """Something that takes a tenth of a second, and that nothing else can do meanwhile."""
    lock = threading.Lock()

    def work(*_: Any) -> Found:
        with lock:
            time.sleep(0.1)
        return "", {"seen": "yes"}

    return work


def test_a_deadline_counts_from_the_start_of_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKS", 4)
    work = one_at_a_time()
    monkeypatch.setattr(module, "probe", lambda name, system: Probe(work, by_hand={}))
    assert reasons(look(["local://"], 1.5, each=30)) == []


@pytest.mark.quiet
def test_a_deadline_counts_from_the_start_of_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Probe(lambda *_: ("", {"seen": "yes"}), by_hand={}, over=Over.HOST)
    monkeypatch.setattr(module, "probe", lambda name, system: seen)
    monkeypatch.setattr(transport, "connect", one_at_a_time())
    assert reasons(look(standins(40), 2.0)) == []
