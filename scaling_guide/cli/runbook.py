"""`guide runbook`: what an alert leads to."""

from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.model.names import instead


def runbook(
    alert: Annotated[str, typer.Argument(help="an alert's name, or a runbook's")],
    env: Annotated[
        str | None, typer.Option("--env", help="print all of it, with its commands for this environment")
    ] = None,
) -> None:
    """Find the runbook that an alert leads to, and print what to look at first, or all of it."""
    guide = project.guide()
    named = {threshold.alert.lower(): threshold.runbook for threshold in guide.thresholds.values()}
    name = named.get(alert.lower(), alert)
    if name not in guide.runbooks:
        known = {*(threshold.alert for threshold in guide.thresholds.values()), *guide.runbooks}
        raise project.usage(f"nothing is known of {alert}; {instead(alert, known)}")
    found = guide.runbooks[name]
    if env is not None:
        # templates are needed here only, and take longer to import than the rest takes altogether
        from scaling_guide.cli.rendering import runbook_for

        text = runbook_for(guide, env, found)
        out.print(text, end="", markup=False, highlight=False)
        return
    out.print(found.title, style="bold")
    out.print(found.symptom, markup=False, highlight=False)
    for look in found.confirm:
        seen = f"    normal: {look.normal}   abnormal: {look.abnormal}"
        out.print(f"  {look.look}", markup=False, highlight=False)
        out.print(seen, style="dim", markup=False, highlight=False)
    out.print(f"with its commands  guide runbook {name} --env NAME", highlight=False)
    out.print(f"go or no-go        guide verify --env NAME --runbook {name} --before", highlight=False)
    out.print(f"page               runbooks/{name}/", highlight=False)
