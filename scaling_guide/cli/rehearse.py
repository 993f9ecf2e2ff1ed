"""`guide lab rehearse`: runbooks and accidents under load."""

import signal
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.table import Table

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out, say
from scaling_guide.lab.layout import LabError, lab
from scaling_guide.lab.play import Procedure
from scaling_guide.lab.rehearsal import NotRehearsed
from scaling_guide.lab.rehearsal import rehearse as play
from scaling_guide.model.guide import Guide
from scaling_guide.model.lab_layout import NUMBERS
from scaling_guide.model.names import instead
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.rehearsals import Measured, Seen, write


def rehearse(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="runbooks and experiments; else all")
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--lab", min=NUMBERS[0], max=NUMBERS[-1], help="the lab to break; else the one after SG_LAB or 42"
        ),
    ] = None,
    allow_irreversible: Annotated[
        bool, typer.Option("--allow-irreversible", help="run steps that cannot be undone as well")
    ] = False,
) -> None:
    """Run runbooks by their own commands under load, as documented and the opposite, and count what was lost.

    Each scenario has a lab of its own, which is down afterwards. The figures go to data/measured/rehearsals,
    from where the pages take them.

    Exit code 1 when more was lost than documented, a check did not hold or a roll-back did not bring back
    what was there; 10 when nothing is wrong, but something could not be rehearsed.
    """
    own = number or lab().number % NUMBERS[-1] + 1
    guide = project.guide(own)
    environment = project.environment(guide, "lab")
    # so that an end from outside puts everything back as well
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    measured, is_whole = [], True
    for procedure in _chosen(guide, names or ()):
        try:
            measured.append(play(guide, environment, procedure, own, say, allow_irreversible))
        except (NotRehearsed, LabError) as error:
            errors.print(f"not rehearsed: {error}", style="bold red", markup=False, highlight=False)
            is_whole = False
        else:
            write(guide.directory, measured[-1])
    if measured:
        out.print(_table(measured))
    problems = [f"{each.id}: {problem}" for each in measured for problem in each.problems]
    for problem in problems:
        out.print(problem, style="bold red", markup=False, highlight=False)
    if problems:
        raise typer.Exit(ExitCode.DRIFT)
    raise typer.Exit(ExitCode.VERIFIED if measured and is_whole else ExitCode.INCONCLUSIVE)


def _chosen(guide: Guide, names: Sequence[str]) -> list[Procedure]:
    """The runbooks and experiments of these names; without any, all that can be rehearsed."""
    known: Mapping[str, Procedure] = {**guide.runbooks, **guide.experiments}
    if unknown := [name for name in names if name not in known]:
        raise project.usage(f"there is no {unknown[0]}; {instead(unknown[0], known)}")
    return [known[name] for name in names] or [each for each in known.values() if each.rehearsal]


def _table(measured: list[Measured]) -> Table:
    """A row for each scenario, a column for each load balancer."""
    targets = list(
        dict.fromkeys(
            target for each in measured for played in each.scenarios.values() for target in played.seen
        )
    )
    table = Table("lost", *targets, "as documented", box=None)
    for each in measured:
        table.add_row(each.id, style="bold")
        for name, played in each.scenarios.items():
            cells = (_cell(played.seen.get(target)) for target in targets)
            held = "no" if played.problems else "yes" if played.bounded else "shows the opposite"
            table.add_row(f"  {name}", *cells, held)
    return table


def _cell(seen: Seen | None) -> str:
    if seen is None:
        return ""
    twice = f", {seen.executed_twice:,} executed twice" if seen.executed_twice else ""
    return f"{seen.lost_in_all:,} of {seen.sent:,}{twice}"
