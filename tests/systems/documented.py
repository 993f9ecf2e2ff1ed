"""The documented configuration of both load balancers, for addresses and a directory of the tests."""

import re
import shlex
import shutil
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.record import TierName
from scaling_guide.model.target import Target
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.render.configs import render
from tests import numbers

DATA = Path(__file__).parents[2] / "data"
SECONDS = 5.0


@cache
def _guide(root: Path) -> Guide:
    guide, _ = examine(
        DATA, {"net": numbers.own().net, "root": str(root), "repo": str(DATA.parent), "user": "me"}
    )
    assert guide is not None
    return guide


@contextmanager
def directory() -> Iterator[Path]:
    """A directory with a short name, for HAProxy's sockets, that servers without root can enter."""
    path = Path(tempfile.mkdtemp(prefix="sg-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def environment(root: Path, tier: TierName = "medium") -> Environment:
    """The environment `lab`, at these tests' addresses and below `root`."""
    return _guide(root).environments["lab"].model_copy(update={"tier": tier})


def write(root: Path, target: Target, tier: TierName = "medium") -> None:
    """The target's files for `tier`, and a certificate, where the environment says they are."""
    folder = root / target.id
    (root / "logs").mkdir(exist_ok=True)
    (folder / "tls").mkdir(parents=True, exist_ok=True)
    for name, text in render(_guide(root), environment(root, tier), target).items():
        (folder / name).write_text(text)
    key, certificate = folder / "tls" / "app.lab.test.key", folder / "tls" / "app.lab.test.pem"
    if not key.exists():
        request = (
            "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=app.lab.test"
        )
        subprocess.run(
            [*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
        )
        # HAProxy wants both in one file
        certificate.write_text(certificate.read_text() + key.read_text())


@contextmanager
def nginx_master(pid_file: Path) -> Iterator[None]:
    """A process that the pid file names and that looks like a master, where only files are of interest."""
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    sleeping = subprocess.Popen(["bash", "-c", "exec -a 'nginx: master process' sleep 600"])
    pid_file.write_text(f"{sleeping.pid}\n")
    try:
        yield
    finally:
        sleeping.kill()
        sleeping.wait()


@contextmanager
def haproxy_master(path: Path) -> Iterator[None]:
    """A socket that answers like a master, where only the file is of interest."""

    class Master(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(b"#<PID> <type> <reloads>\n1 master 0 [failed: 0]\n# workers\n2 worker 0\n")

    path.parent.mkdir(parents=True, exist_ok=True)
    with socketserver.ThreadingUnixStreamServer(str(path), Master) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def root(master: Callable[[Path], AbstractContextManager[None]], file: str) -> Any:
    """A fixture: a directory of a module's tests, with a `master` that runs from the documented `file`."""

    @pytest.fixture(scope="module")
    def root() -> Iterator[Path]:
        with directory() as path, master(path / file):
            yield path

    return root


def facts(root: Path, probe: str) -> tuple[Fact, ...]:
    """All documented facts that this probe is asked for."""
    return tuple(fact for fact in _guide(root).facts.values() if fact.probe is probe)


def unmet(
    root: Path, tier: TierName, target: str, probe: str, look: Callable[..., tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """What `look` finds in the documented files of a target, where that does not meet a fact of the probe."""
    where = environment(root, tier)
    write(root, where.targets[target], tier)
    version, values = look(where, where.targets[target], SECONDS)
    assert re.fullmatch(r"[0-9.]+", version)
    verdicts = {fact.id: fact.claim(where).judge(values) for fact in facts(root, probe)}
    assert verdicts
    return {name: verdict.found for name, verdict in verdicts.items() if not verdict.met}


def failing_by_hand(root: Path, environment: Environment, target: Target, probe: str) -> str:
    """The commands for a person that end in an error, of all documented facts of this probe."""
    commands = [
        by_hand(probe, environment, target, fact.claim(environment).setting) for fact in facts(root, probe)
    ]
    assert commands
    script = "\n".join(f"{{ {each}; }} >/dev/null || echo {shlex.quote(each)}" for each in commands)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=10).stdout
