"""`guide build` and `guide runbook`: for people who read."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out
from scaling_guide.render.site import write_downloads


def build(
    directory: Annotated[Path, typer.Option("--out", help="where the site goes")] = Path("site"),
    offline: Annotated[bool, typer.Option(help="a site that works from file://")] = False,
) -> None:
    """Build the site, with the results of the last verification on its pages."""
    root = project.root()
    write_downloads(project.guide(), root / "docs" / "downloads")
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "OFFLINE": "true" if offline else "false"}
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str((root / directory).absolute()),
    ]
    code = subprocess.run(command, cwd=root, env=environ, check=False).returncode
    if code:
        errors.print("the site was not built", style="bold red")
        raise typer.Exit(code)
    out.print(f"site in {directory}", highlight=False)


def runbook(alert: Annotated[str, typer.Argument(help="an alert's name, or a runbook's")]) -> None:
    """Find the runbook that an alert leads to, and print its first steps."""
    guide = project.guide()
    named = {threshold.alert.lower(): threshold.runbook for threshold in guide.thresholds.values()}
    name = named.get(alert.lower(), alert)
    if name not in guide.runbooks:
        known = ", ".join(
            sorted({*(threshold.alert for threshold in guide.thresholds.values()), *guide.runbooks})
        )
        raise project.usage(f"nothing is known of {alert}; there are: {known}")
    found = guide.runbooks[name]
    out.print(found.title, style="bold")
    out.print(found.symptom, highlight=False)
    for look in found.confirm:
        out.print(f"  {look.look}", highlight=False)
        out.print(f"    normal: {look.normal}   abnormal: {look.abnormal}", style="dim", highlight=False)
    out.print(f"go or no-go  guide verify --env NAME --runbook {name} --before", highlight=False)
    out.print(f"page         runbooks/{name}/", highlight=False)
