"""Where a lab lives: its number gives its addresses and its directory, and nothing else does."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = "lab"
"""The name of the environment that a lab is."""
DEFAULT_NUMBER = 42
NUMBERS = range(1, 255)
REPO = Path(__file__).parents[2]
# the longest path of a socket that every server of the lab can bind, and the longest name in its directory
SOCKET_LIMIT = 97
LONGEST_SOCKET = len("/balancer/operator.sock.1234.tmp")


class NoSuchLab(ValueError):
    """Why there can be no lab where the caller wants one, and what to use instead."""


@dataclass(frozen=True)
class Layout:
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


def layout(number: int | None = None, environ: Mapping[str, str] = os.environ) -> Layout:
    """That of the lab with this number, or with the one in SG_LAB, or number 42. Raises NoSuchLab.

    Two numbers never share an address, a socket or a file, so labs run side by side.
    """
    written = environ.get("SG_LAB", str(DEFAULT_NUMBER)) if number is None else str(number)
    if not written.isdecimal() or int(written) not in NUMBERS:
        known = f"{NUMBERS[0]} to {NUMBERS[-1]}"
        repair = f"set SG_LAB to one from {known}" if number is None else f"use {known}"
        raise NoSuchLab(f"`{written}` is no lab number: {repair}")
    root = _base(environ) / f"sg-lab-{os.getuid()}-{int(written)}"
    if len(str(root)) + LONGEST_SOCKET > SOCKET_LIMIT:
        raise NoSuchLab(
            f"{root} is too long for the sockets of servers: set XDG_RUNTIME_DIR to a shorter path"
        )
    return Layout(int(written), root)


def _base(environ: Mapping[str, str]) -> Path:
    """The user's runtime directory; /tmp where there is none, or where `su` left another user's.

    Root always uses /tmp: its servers give up root, and could no longer reach their files in a directory that
    is closed to all others.
    """
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or "/tmp")
    is_ours = runtime.is_dir() and runtime.stat().st_uid == os.getuid() != 0
    return runtime if is_ours else Path("/tmp")
