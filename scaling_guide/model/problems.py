"""What can be wrong with a file under `data/`, and where."""

from collections import Counter
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
    """One thing that is wrong, with a code to look up and the way to mend it.

    With one that `refuses` the data cannot be used. The others are findings: a record is past its date, or a
    variable of an environment is not set, which concerns that environment alone.
    """

    at: Location
    code: str
    message: str
    repair: str
    refuses: bool = True

    def __str__(self) -> str:
        return f"{self.at} {self.code} {self.message}; {self.repair}"


def warning(findings: Iterable[Problem]) -> str | None:
    """The findings in one line, for commands that go on all the same; None where there are none."""
    counts = Counter(finding.code for finding in findings)
    if not counts:
        return None
    named = ", ".join(f"{count} {code}" for code, count in sorted(counts.items()))
    return f"warning: past their date: {named}; `guide validate` lists them"


class Invalid(Exception):
    """The data cannot be used. `problems` holds everything that is wrong, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))
