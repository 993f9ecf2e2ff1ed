"""`guide lab diagnose`: show that each row of a diagnosis decides when its cause is there."""

import asyncio
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out, say
from scaling_guide.lab import lifecycle
from scaling_guide.lab.diagnosis import Rig
from scaling_guide.lab.layout import LabError, lab
from scaling_guide.model.diagnoses import write
from scaling_guide.model.names import instead
from scaling_guide.model.outcome import ExitCode


def diagnose(
    names: Annotated[list[str] | None, typer.Argument(metavar="RUNBOOK", help="runbooks; else all")] = None,
    number: project.LabNumber = None,
) -> None:
    """Bring about the cause of each row in the running lab, and see that this row decides.

    What was seen goes to data/measured/diagnoses, from where the pages take it. Exit code 1 when another row
    decided or held as well, 10 when a cause could not be brought about, 11 when there was none.
    """
    guide = project.guide(number)
    environment = project.environment(guide, "lab")
    where = lab(number)
    if not lifecycle.status(where.number).is_ready:
        raise LabError(f"lab {where.number} is not up: guide lab up --lab {where.number}")
    if unknown := [name for name in names or () if name not in guide.runbooks]:
        raise project.usage(f"there is no runbook {unknown[0]}; {instead(unknown[0], guide.runbooks)}")
    proofs = []
    for name in names or guide.runbooks:
        runbook = guide.runbooks[name]
        if any(row.cause for row in runbook.diagnose):
            proven = asyncio.run(Rig(guide, environment, where, runbook).prove(say))
            write(guide.directory, proven)
            proofs += [(row, proof) for row, proof in proven.rows.items()]
    rows = sum(len(guide.runbooks[name].diagnose) for name in names or guide.runbooks)
    shown = sum(proof.shows(row) for row, proof in proofs)
    out.print(f"{shown} of {rows} rows proven, {rows - len(proofs)} not rehearsed", highlight=False)
    if any(proof.decided and not proof.shows(row) for row, proof in proofs):
        raise typer.Exit(ExitCode.DRIFT)
    if shown < len(proofs):
        raise typer.Exit(ExitCode.INCONCLUSIVE)
    raise typer.Exit(ExitCode.VERIFIED if proofs else ExitCode.NOTHING_VERIFIED)
