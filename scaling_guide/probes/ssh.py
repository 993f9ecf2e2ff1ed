"""Connections over ssh: one for each host, shared by every look at it, and few handshakes at a time.

sshd drops connections at random once ten are not yet authenticated (`MaxStartups 10:30:100`), and refuses the
eleventh session of a connection (`MaxSessions 10`). A bastion counts the handshakes to all hosts behind it.
"""

import hashlib
import math
import os
import random
import re
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from scaling_guide.probes.observation import Timeout, Unreachable

HANDSHAKES = 8
"""How many connections are opened at a time, over all hosts."""
SESSIONS = 8
"""How many commands share a connection at a time."""

_PERSIST_SECONDS = 60
_ATTEMPTS = 3
_SSH_FAILED = 255
# before it authenticates: sshd drops connections when it has too many of them, whoever else opened those
_DROPPED = re.compile(
    r"kex_exchange_identification|ssh_exchange_identification|banner exchange"
    r"|Connection (?:reset|closed) by"
)

_handshakes = threading.BoundedSemaphore(HANDSHAKES)

Carry = Callable[[str, float, str], tuple[int, str, str]]
"""Runs a command with a deadline and options for ssh: exit code, standard output and standard error."""


class Connection:
    """A connection that commands share. `carry` runs one of them, `name` begins messages.

    What `key` consists of identifies the connection. ssh adds the address that it comes to, so that a changed
    ssh_config is not answered by the host from before.
    """

    def __init__(self, key: tuple[str, ...], carry: Carry, name: str) -> None:
        self._carry, self._name = carry, name
        self._digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self._lock = threading.Lock()
        self._opening: Future[None] | None = None

    @contextmanager
    def session(self, ends: float) -> Iterator[str]:
        """Options with which ssh shares the connection, which is opened before if it is not open.

        Raises Unreachable, and Timeout where `ends`, a time of the monotonic clock, passes before.
        """
        self.open(ends)
        if not self._sessions.acquire(timeout=_left(ends)):
            raise Timeout(f"{self._name}: {SESSIONS} commands are running there until the deadline")
        try:
            yield self._options(ends, "no")
        finally:
            self._sessions.release()

    def open(self, ends: float) -> None:
        """Open the connection if it is not open. All that ask for it meanwhile share what comes of it."""
        if self._is_open():
            return
        with self._lock:
            opening = self._opening
            if opening is None:
                self._opening = mine = Future[None]()
        if opening is not None:
            try:
                opening.result(_left(ends))
            except TimeoutError:
                raise Timeout(f"{self._name}: no connection before the deadline") from None
            return
        try:
            self._open(ends)
            mine.set_result(None)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                self._opening = None

    def close(self) -> None:
        """Close the connection if it is open, whoever opened it."""
        for path in self._sockets():
            command = ["ssh", "-o", f"ControlPath={path}", "-O", "exit", "none"]
            subprocess.run(command, capture_output=True, check=False, timeout=_PERSIST_SECONDS)

    def _sockets(self) -> Iterator[Path]:
        return control_directory().glob(f"{self._digest}-*")

    def _is_open(self) -> bool:
        return any(map(_accepts, self._sockets()))

    def _open(self, ends: float) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            if not _handshakes.acquire(timeout=_left(ends)):
                raise Timeout(f"{self._name}: {HANDSHAKES} other connections are being opened")
            try:
                # the process that runs this command passes the connection on to one in the background
                code, _, err = self._carry("true", ends, self._options(ends, "auto"))
            finally:
                _handshakes.release()
            if code != _SSH_FAILED:
                return
            pause = attempt * random.uniform(0.1, 0.3)
            if attempt == _ATTEMPTS or not _DROPPED.search(err) or _left(ends) <= pause:
                raise Unreachable(f"{self._name}: {complaint(code, err)}")
            time.sleep(pause)

    def _options(self, ends: float, master: str) -> str:
        """Options that keep ssh from asking, and from waiting for ever.

        The keep-alive ends a connection to a host that is gone, which later looks would share.
        """
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(math.ceil(max(1.0, ends - time.monotonic()))),
            "ControlMaster": master,
            "ControlPath": f"{control_directory()}/{self._digest}-%C",
            "ControlPersist": f"{_PERSIST_SECONDS}s",
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "2",
        }
        return " ".join(f"-o {name}={value}" for name, value in options.items())


_connections: dict[tuple[str, ...], Connection] = {}
_connections_lock = threading.Lock()


def connection(key: tuple[str, ...], carry: Carry, name: str) -> Connection:
    """The connection with this key, the same one each time."""
    with _connections_lock:
        if key not in _connections:
            _connections[key] = Connection(key, carry, name)
        return _connections[key]


def complaint(code: int, err: str) -> str:
    """The last thing that a transport said, or how it ended."""
    said = [line for line in err.splitlines() if line.strip()]
    return said[-1].strip() if said else f"the transport ended with {code}"


def control_directory() -> Path:
    """This user's directory for the sockets of shared connections. Raises Unreachable if another made it."""
    # a socket's path may not be long, and a TMPDIR can be
    directory = Path("/tmp") / f"sg-ssh-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unreachable(f"{directory} is not this user's alone: remove it, it holds shared ssh connections")
    return directory


def _accepts(path: Path) -> bool:
    """Whether a process listens on the socket."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(1)
        try:
            control.connect(str(path))
        except OSError:
            return False
    return True


def _left(ends: float) -> float:
    return max(0.0, ends - time.monotonic())
