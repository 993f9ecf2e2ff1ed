"""A lab's directory and the files in it; where it stands is `model.lab_layout`'s to say."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaling_guide.model.lab_layout import Layout, layout


class LabError(Exception):
    """Why the lab could not do what was asked, with the last log lines of the server that failed."""

    def __init__(self, reason: str, server: str | None = None, log: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.server, self.log = reason, server, log


@dataclass(frozen=True)
class Lab(Layout):
    """A lab and its files."""

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
    """The lab with this number, or with the one in SG_LAB, or number 42. Raises NoSuchLab."""
    found = layout(number, environ)
    return Lab(found.number, found.root)
