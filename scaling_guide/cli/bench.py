"""`guide bench`: what people wait for, beside what they would choose instead, as ratios from one run."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.table import Table

from scaling_guide.cli import project
from scaling_guide.cli.bench_host import machine
from scaling_guide.cli.console import errors, out
from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.kept import load
from scaling_guide.model.load import examine
from scaling_guide.verify.selection import Selection, select


@dataclass(frozen=True)
class Case:
    """Two ways to the same end: ours and what people choose. `before` runs before each, untimed."""

    end: str
    ours: Callable[[], object]
    usual: str
    theirs: Callable[[], object]
    before: Callable[[], object] = lambda: None


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
        with ExitStack() as stack:
            table = Table("end", "guide, ms", "instead", "ms", "times as long", box=None)
            for case in (*_cases(guide, number), *_over_ssh(stack, guide, environment, number)):
                ours, theirs = _in_turn(case, rounds)
                table.add_row(
                    case.end, f"{ours * 1000:.0f}", case.usual, f"{theirs * 1000:.0f}", f"{theirs / ours:.2f}"
                )
        out.print(table)
    finally:
        if was_down:
            lifecycle.down(number)


def _cases(guide: Guide, number: int | None) -> Iterator[Case]:
    variables = lab(number).variables
    yield Case("start: --help", lambda: _guide(guide, "--help"), "pytest --version", _pytest_version)
    runbook = next(iter(guide.runbooks))
    yield Case(
        "find a runbook", lambda: _guide(guide, "runbook", runbook), "pytest --version", _pytest_version
    )
    fast = "PyYAML's C loader, and no rules"
    yield Case(
        "read data/, all rules", lambda: examine(guide.directory, variables), fast, lambda: _c_load(guide)
    )
    yield Case("data/ unchanged", lambda: load(guide.directory, variables), fast, lambda: _c_load(guide))


def _over_ssh(stack: ExitStack, guide: Guide, environment: Environment, number: int | None) -> Iterator[Case]:
    """One machine over ssh beside what else looks at the same; nothing where no sshd is installed."""
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sg-bench-")))
    checks = select(guide, environment, Selection())
    try:
        there = stack.enter_context(machine(guide, environment, checks, directory))
    except FileNotFoundError as missing:
        errors.print(f"nothing over ssh: {missing} (`tools/setup tests`)", highlight=False)
        return

    def ours() -> None:
        there.verify(lab(number).number)

    end = f"{len(there.checks)} checks of one host"
    cold, warm = f"{end}, first connection", f"{end}, connected"
    yield Case(cold, ours, "testinfra, multiplexed", there.testinfra, there.disconnect)
    yield Case(cold, ours, "ssh and a script, not judged", there.script, there.disconnect)
    yield Case(cold, ours, "ssh true", there.connect, there.disconnect)
    yield Case(warm, ours, "ssh true", there.connect)
    if shutil.which("goss"):
        yield Case(cold, ours, "ssh and goss", there.goss, there.disconnect)


def _in_turn(case: Case, rounds: int) -> tuple[float, float]:
    """The median seconds of both ways."""
    times: tuple[list[float], list[float]] = ([], [])
    for counted in range(-1, rounds):
        for way, taken in zip((case.ours, case.theirs), times, strict=True):
            case.before()
            begun = time.perf_counter()
            way()
            if counted >= 0:
                taken.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def _guide(guide: Guide, *arguments: str) -> None:
    command = [sys.executable, "-c", "from scaling_guide.cli import main; main()", *arguments]
    subprocess.run(command, cwd=guide.directory.parent, capture_output=True, check=True)


def _pytest_version() -> None:
    subprocess.run([sys.executable, "-m", "pytest", "--version"], capture_output=True, check=True)


def _c_load(guide: Guide) -> None:
    for path in guide.directory.rglob("*.yml"):
        yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
