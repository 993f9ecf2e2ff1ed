"""One machine over ssh for `guide bench`: this one, by a server that only the benchmark uses."""

import getpass
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.outcome import ExitCode
from scaling_guide.probes import transport
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.probes.probe import Over, probe
from scaling_guide.verify.check import Check

NAME = "bench"
_START_SECONDS = 10.0
_TEST = """def test_{number}(host):
    assert host.run({command!r}).rc != 255
"""


@dataclass(frozen=True)
class Machine:
    """A checkout whose environment `bench` is the lab, asked over ssh, and what others do to see the same.

    `checks` are those that take commands on the host and nothing else; `commands` shows what each needs.
    """

    directory: Path
    checks: Sequence[Check]
    commands: Sequence[str]

    @property
    def _config(self) -> str:
        return str(self.directory / "ssh_config")

    @property
    def host(self) -> str:
        """The machine's URI."""
        return f"ssh://{NAME}?ssh_config={self._config}"

    def verify(self, number: int) -> None:
        """The checks by `guide verify`, in a process of its own. Raises ChildProcessError."""
        selected = [f"--check={id}" for id in dict.fromkeys(check.fact.id for check in self.checks)]
        command = [sys.executable, "-c", "from scaling_guide.cli import main; main()", "verify"]
        command += ["--env", NAME, "--lab", str(number), *selected]
        ended = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, check=False)
        if ended.returncode not in (ExitCode.VERIFIED, ExitCode.DRIFT, ExitCode.INCONCLUSIVE):
            raise ChildProcessError(f"guide verify ended with {ended.returncode}: {ended.stderr.strip()}")

    def disconnect(self) -> None:
        """Close the connection that runs share, so that the next one begins with a handshake."""
        transport.disconnect(self.host)

    def testinfra(self) -> None:
        """A test for each check, by testinfra over one connection. Raises CalledProcessError."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            str(self.directory / "peer"),
        ]
        command += [f"--hosts=ssh://{NAME}", f"--ssh-config={self.directory / 'ssh_config_shared'}"]
        subprocess.run(command, cwd=self.directory / "peer", capture_output=True, check=True)
        shared = ["ssh", "-F", str(self.directory / "ssh_config_shared"), "-O", "exit", NAME]
        subprocess.run(shared, capture_output=True, check=False)

    def script(self) -> None:
        """The commands of all checks as one script, whose output is not judged. Raises CalledProcessError."""
        text = "\n".join(self.commands) + "\ntrue\n"
        subprocess.run(
            ["ssh", "-F", self._config, NAME, "sh"], input=text.encode(), capture_output=True, check=True
        )

    def connect(self) -> None:
        """A connection, and nothing asked. Raises CalledProcessError."""
        subprocess.run(["ssh", "-F", self._config, NAME, "true"], capture_output=True, check=True)

    def goss(self) -> None:
        """The commands of all checks by goss on the host. Raises CalledProcessError."""
        command = f"goss -g {shlex.quote(str(self.directory / 'goss.yaml'))} validate"
        subprocess.run(["ssh", "-F", self._config, NAME, command], capture_output=True, check=False)


@contextmanager
def machine(
    guide: Guide, environment: Environment, checks: Sequence[Check], directory: Path
) -> Iterator[Machine]:
    """The lab over ssh, from files in `directory`. Raises OSError where there is no sshd."""
    chosen = [each for each in checks if _is_on_the_host(each)]
    commands = [
        by_hand(each.fact.probe, environment, each.target, each.fact.claim(environment).setting)
        for each in chosen
    ]
    made = Machine(directory, chosen, commands)
    with _sshd(directory):
        _write_checkout(guide, made)
        _write_peers(made)
        try:
            yield made
        finally:
            made.disconnect()


def _is_on_the_host(check: Check) -> bool:
    return probe(check.fact.probe, check.target.system).over is Over.HOST


def _write_checkout(guide: Guide, made: Machine) -> None:
    repo = guide.directory.parent
    shutil.copytree(guide.directory, made.directory / "data")
    for name in ("docs", "checks", "pyproject.toml"):
        (made.directory / name).symlink_to(repo / name)
    environments = made.directory / "data" / "environments"
    text = (environments / "lab.yml").read_text("utf-8")
    # each target names its system, on a line or within braces
    text = re.sub(r"^( +)system:", rf"\1host: {made.host}\n\1system:", text, flags=re.MULTILINE)
    text = text.replace("{system:", f'{{host: "{made.host}", system:')
    (environments / f"{NAME}.yml").write_text(text, "utf-8")


def _write_peers(made: Machine) -> None:
    tests = "\n\n".join(_TEST.format(number=n, command=command) for n, command in enumerate(made.commands))
    (made.directory / "peer").mkdir()
    (made.directory / "peer" / "test_peer.py").write_text(tests, "utf-8")
    (made.directory / "peer" / "pytest.ini").write_text("[pytest]\n", "utf-8")
    asked = {f"{n}": {"exec": command, "exit-status": 0} for n, command in enumerate(made.commands)}
    (made.directory / "goss.yaml").write_text(yaml.safe_dump({"command": asked}), "utf-8")


@contextmanager
def _sshd(directory: Path) -> Iterator[None]:
    """A server for this user on loopback, with Debian's limits, and how to reach it in `ssh_config`."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("there is no sshd")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # without it sshd does not run as root
    for key in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / key)]
        subprocess.run(command, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/user.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        # bash reads no .bashrc then: what a user has there would be timed with each command
        "SetEnv SHLVL=2\n"
    )
    config = (
        f"Host {NAME}\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\n"
        f"IdentityFile {directory}/user\nIdentitiesOnly yes\n"
        "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    )
    (directory / "ssh_config").write_text(config)
    shared = f"ControlMaster auto\nControlPath {directory}/shared\nControlPersist 60\n"
    (directory / "ssh_config_shared").write_text(config + shared)
    server = subprocess.Popen(
        [program, "-D", "-f", str(directory / "sshd_config")], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
