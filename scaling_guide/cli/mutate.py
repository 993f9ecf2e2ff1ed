"""`guide lab mutate`: the proof that each check can fail."""

import asyncio
import signal
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out, say
from scaling_guide.lab.layout import lab
from scaling_guide.lab.proof.bench import DidNotLand
from scaling_guide.lab.proof.matrix import Proof, complaints
from scaling_guide.lab.proof.progress import Progress
from scaling_guide.lab.proof.run import prove
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.outcome import ExitCode
from scaling_guide.verify.reports import replace_file
from scaling_guide.verify.selection import Selection

WHOLE, PART = "kill-matrix.json", "kill-matrix-part.json"
INTERRUPTED = 130


def mutate(
    systems: Annotated[
        list[str] | None, typer.Option("--system", help="only targets of this system; repeatable")
    ] = None,
    targets: Annotated[list[str] | None, typer.Option("--target", help="only this one; repeatable")] = None,
    each: Annotated[
        bool,
        typer.Option("--each", help="every mutant and every line alone: slow, and infers nothing"),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="a line for every mutant")] = False,
    out_dir: Annotated[Path, typer.Option("--out", help=f"where {WHOLE} goes")] = Path("build/proof"),
    number: project.LabNumber = None,
) -> None:
    """Break every documented fact in the running lab, and show that exactly its check goes red.

    Wrong values, and lines left out, are tried several at a time, in configurations chosen so that each can
    be told from every other by which checks were red when; whatever cannot be told so is tried alone. That
    takes some three minutes on two cores. With --each all are tried alone, which takes several times as long
    and infers nothing. What is named in the facts, and the faults of the environment, are tried alone always.

    With --system or --target only a part is broken, which is written to kill-matrix-part.json and is no
    proof of the whole. Ctrl-C puts everything back before it ends.

    Exit code 1 when a check is not proven, a mutant survives, a line may go missing without anybody noticing
    or arguing it, or a fault of the environment is taken for an answer; 10 when the lab is not green to begin
    with; 130 when interrupted.
    """
    root = project.root()
    guide = project.guide(number)
    environment = project.environment(guide, "lab")
    chosen = _chosen(guide, environment, systems or (), targets or ())
    with _progress(verbose) as progress:
        proving = prove(guide, environment, lab(number), progress, each, chosen)
        try:
            proof = asyncio.run(_until_told_to_end(proving))
        except DidNotLand as error:
            errors.print(f"error: {error}", markup=False, highlight=False)
            raise typer.Exit(ExitCode.INCONCLUSIVE) from None
        except asyncio.CancelledError:
            errors.print("all is as it was; nothing is written", highlight=False)
            raise typer.Exit(INTERRUPTED) from None
    (root / out_dir).mkdir(parents=True, exist_ok=True)
    path = root / out_dir / (PART if proof.part else WHOLE)
    replace_file(path, proof.published.text())
    wrong = complaints(proof, guide)
    for line in wrong:
        out.print(line, markup=False, highlight=False)
    out.print(_summary(proof), style="bold green" if not wrong else "bold red", highlight=False)
    raise typer.Exit(ExitCode.VERIFIED if not wrong else ExitCode.DRIFT)


def _chosen(
    guide: Guide, environment: Environment, systems: Iterable[str], targets: Iterable[str]
) -> frozenset[str]:
    """The targets that were asked for by name or by system; none where the whole lab is. Ends with 4."""
    asked = Selection(systems=frozenset(systems), targets=frozenset(targets))
    if unknown := asked.unknown(guide, environment):
        errors.print(*unknown, sep="\n", markup=False, highlight=False)
        raise typer.Exit(ExitCode.USAGE)
    return frozenset(
        target.id
        for target in environment.targets.values()
        if target.system in asked.systems or target.id in asked.targets
    )


async def _until_told_to_end(proving: Awaitable[Proof]) -> Proof:
    """The proof. Ctrl-C and SIGTERM end it once what is broken is mended."""
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        if not task.cancelling():
            errors.print("interrupted; mending what is broken ...", highlight=False)
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    return await proving


@contextmanager
def _progress(verbose: bool) -> Iterator[Progress]:
    """A bar on a terminal, and lines anywhere."""
    columns = (
        *(TextColumn("mutants and lines"), BarColumn(), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    with Bar(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield Progress(say, lambda done, total: bar.update(task, completed=done, total=total), verbose)


def _summary(proof: Proof) -> str:
    totals = proof.published.totals
    of = f" of {', '.join(proof.part)} alone" if proof.part else ""
    return (
        f"{totals.proven} of {totals.checks} checks{of} proven, "
        f"{totals.killed} of {totals.mutants} mutants killed, {proof.seconds:.0f} s"
    )
