"""The checkout that a command works on, and the guide in it."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli.console import errors
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.kept import load
from scaling_guide.model.lab_layout import NUMBERS, layout
from scaling_guide.model.names import instead
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.problems import Invalid, Problem, warning

LabNumber = Annotated[
    int | None,
    typer.Option("--lab", min=NUMBERS[0], max=NUMBERS[-1], help="the lab's number; SG_LAB or 42"),
]

EnvironmentName = Annotated[str, typer.Option("--env", help="a name below data/environments")]


def root() -> Path:
    """The nearest directory upwards that holds `data/guide.yml`. Exits with 4 where there is none."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "data" / "guide.yml").is_file():
            return directory
    raise usage(f"{here} is not inside a checkout of the guide: no data/guide.yml here or above")


def guide(number: int | None = None) -> Guide:
    """The guide of this checkout, its lab filled in for lab `number`. Exits with 1 on problems.

    Records that are past their date are one line on standard error; nothing else comes of them.
    """
    try:
        loaded = load(root() / "data", layout(number).variables)
    except Invalid as invalid:
        raise refused(invalid.problems) from None
    warn(loaded.findings_for(None))
    return loaded


def warn(findings: Iterable[Problem]) -> None:
    """Say in one line that records are past their date."""
    line = warning(findings)
    if line is not None:
        errors.print(line, style="yellow", markup=False, highlight=False)


def refused(problems: Iterable[Problem]) -> typer.Exit:
    """Print the problems; return what ends the command."""
    for problem in problems:
        errors.print(str(problem), markup=False, highlight=False)
    return typer.Exit(ExitCode.DRIFT)


def environment(guide: Guide, name: str) -> Environment:
    """The environment `name`. Exits with 4 where there is none, with 1 where a variable of it is not set."""
    if name in guide.unavailable:
        raise refused(guide.unavailable[name])
    if name not in guide.environments:
        raise usage(f"there is no environment {name}; {instead(name, guide.environments)}")
    return guide.environments[name]


def usage(message: str) -> typer.Exit:
    """Say what was wrong with the call; raise what comes back."""
    errors.print(f"error: {message}", markup=False, highlight=False)
    return typer.Exit(ExitCode.USAGE)


def reports(root: Path) -> Path:
    """Where runs leave their reports and the pages look for them."""
    return root / os.environ.get("SG_BUILD", "build")


def broken(error: ValueError) -> typer.Exit:
    """Say that a report could not be read; raise what comes back."""
    errors.print(f"error: {error}", markup=False, highlight=False)
    return typer.Exit(1)
