"""`guide bench`: what the reader waits for, beside what they would use instead, as ratios from one run."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
import yaml
from rich.table import Table

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import Selection, select


@dataclass(frozen=True)
class Case:
    """Two ways to the same end: ours and the usual one."""

    end: str
    ours: Callable[[], object]
    usual: str
    theirs: Callable[[], object]


def bench(
    rounds: Annotated[int, typer.Option(min=3, max=50, help="counted runs of each, in turn")] = 5,
    number: project.LabNumber = None,
) -> None:
    """Time the guide beside what a user would do instead. Starts the lab where it is down.

    The two are run in turn, after one run that is not counted; the ratio is of the medians. Absolute times
    say more about the machine than about the guide.
    """
    guide = project.guide(number)
    environment = project.environment(guide, "lab")
    was_down = lifecycle.status(number).phase == "down"
    lifecycle.up(number, environment.tier, lambda line: errors.print(line, style="dim", highlight=False))
    try:
        table = Table("end", "ours", "ms", "usual", "ms", "times as long", box=None)
        for case in _cases(guide, environment, number):
            ours, theirs = _in_turn(case, rounds)
            ratio = f"{theirs / ours:.1f}"
            table.add_row(case.end, "guide", f"{ours * 1000:.0f}", case.usual, f"{theirs * 1000:.0f}", ratio)
        out.print(table)
    finally:
        if was_down:
            lifecycle.down(number)


def _cases(guide: Guide, environment: Environment, number: int | None) -> tuple[Case, ...]:
    checks = select(guide, environment, Selection())
    return (
        Case(
            f"verify {len(checks)} checks",
            lambda: verify(environment, checks),
            "one command for each check, as its failure tells to look by hand",
            lambda: _each_by_hand(environment, checks),
        ),
        Case(
            "read data/ and hold it against every rule",
            lambda: examine(guide.directory, lab(number).variables),
            "PyYAML's SafeLoader, and no rules",
            lambda: _safe_load(guide),
        ),
    )


def _in_turn(case: Case, rounds: int) -> tuple[float, float]:
    """The median seconds of both ways."""
    times: tuple[list[float], list[float]] = ([], [])
    for counted in range(-1, rounds):
        for way, taken in zip((case.ours, case.theirs), times, strict=True):
            begun = time.perf_counter()
            way()
            if counted >= 0:
                taken.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _each_by_hand(environment: Environment, checks: tuple[Check, ...]) -> None:
    with tempfile.TemporaryDirectory() as scratch:  # some commands keep a cookie file
        for check in checks:
            setting = check.fact.claim(environment).setting
            command = by_hand(check.fact.probe, environment, check.target, setting)
            subprocess.run(["sh", "-c", command], capture_output=True, timeout=10, check=False, cwd=scratch)


def _safe_load(guide: Guide) -> None:
    for path in guide.directory.rglob("*.yml"):
        yaml.safe_load(path.read_text("utf-8"))
