"""What can be wrong with a file under `data/`, and where."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Location:
    """A place in a file; line and column count from 1, as editors do."""

    path: Path
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong, with a code to look up and the way to mend it."""

    at: Location
    code: str
    message: str
    repair: str

    def __str__(self) -> str:
        return f"{self.at} {self.code} {self.message}; {self.repair}"


class Invalid(Exception):
    """The data cannot be used. `problems` holds everything that is wrong, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
