"""Where a lab lives: its number gives its addresses and its directory, and nothing else does."""

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_NUMBER = 42
REPO = Path(__file__).parents[2]
LONGEST_SOCKET = len("/haproxy/operator.sock.12345.tmp")
HAPROXY_SOCKET_LIMIT = 97


class LabError(Exception):
    """Why the lab could not do what was asked, with the last log lines of the server that failed."""

    def __init__(self, reason: str, server: str | None = None, log: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.server, self.log = reason, server, log


@dataclass(frozen=True)
class Lab:
    """Addresses `127.<number>.0.0/24` and the one directory that holds all files and sockets of a lab."""

    number: int
    root: Path
    repo: Path = REPO

    @property
    def net(self) -> str:
        """The first three octets of every address of this lab."""
        return f"127.{self.number}.0"

    @property
    def variables(self) -> dict[str, str]:
        """What `${...}` stands for in `data/environments/lab.yml`."""
        user = pwd.getpwuid(os.getuid()).pw_name
        return {"net": self.net, "root": str(self.root), "repo": str(self.repo), "user": user}

    @property
    def control(self) -> Path:
        return self.root / "control.sock"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def directory(self, server: str) -> Path:
        return self.root / server

    def log(self, server: str) -> Path:
        """What the server wrote to its standard output and error."""
        return self.root / "logs" / f"{server}.log"

    def claim(self) -> None:
        """Create the directory, or accept it where it is ours. Raises LabError for any other case.

        Others may walk through it (a server that gives up root must reach its own files) but not list it;
        what is secret in it has modes of its own.
        """
        try:
            self.root.mkdir(mode=0o711, exist_ok=True)
            found = os.lstat(self.root)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise LabError(f"{self.root} is not this user's directory: remove it, or use another --lab")
            (self.root / "logs").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LabError(f"the lab directory {self.root} cannot be used: {error.strerror}") from error


def lab(number: int | None = None, environ: Mapping[str, str] = os.environ) -> Lab:
    """The lab with this number, or with the one in SG_LAB, or number 42. Raises LabError.

    Two numbers never share an address, a socket or a file, so labs run side by side.
    """
    written = environ.get("SG_LAB", str(DEFAULT_NUMBER)) if number is None else str(number)
    if not written.isdecimal() or not 1 <= int(written) <= 254:
        raise LabError(f"`{written}` is no lab number: use 1 to 254")
    root = _base(environ) / f"sg-lab-{os.getuid()}-{int(written)}"
    if len(str(root)) + LONGEST_SOCKET > HAPROXY_SOCKET_LIMIT:
        raise LabError(f"{root} is too long for HAProxy's sockets: set XDG_RUNTIME_DIR to a shorter path")
    return Lab(int(written), root)


def _base(environ: Mapping[str, str]) -> Path:
    """The user's runtime directory; /tmp where there is none, or where `su` left another user's.

    Root always uses /tmp: its servers give up root, and could no longer reach their files in a directory that
    is closed to all others.
    """
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or "/tmp")
    is_ours = runtime.is_dir() and runtime.stat().st_uid == os.getuid() != 0
    return runtime if is_ours else Path("/tmp")
