"""`guide incident-pack`: all runbooks as plain files."""

from pathlib import Path
from typing import Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.cli.rendering import rendering
from scaling_guide.model.today import today
from scaling_guide.render.incident_pack import incident_pack as packed
from scaling_guide.render.reports import latest_run
from scaling_guide.render.site import SHOWN


def incident_pack(
    env: Annotated[str, typer.Option("--env", help="a name below data/environments")] = SHOWN,
    directory: Annotated[
        Path | None, typer.Option("--out", help="where it goes; else build/incident-pack of the checkout")
    ] = None,
) -> None:
    """Write all runbooks for an environment as plain files, for when the site is down too.

    With them come the alert rules, the config files that each server is meant to have, and what the last
    verification of the environment saw.
    """
    root, guide = project.root(), project.guide()
    environment = project.environment(guide, env)
    where = (directory or root / "build" / "incident-pack").absolute()
    try:
        run = latest_run(project.reports(root), env)
    except ValueError as error:
        raise project.broken(error) from None
    with rendering(env):
        files = packed(guide, environment, run, today())
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text, "utf-8")
    out.print(f"{len(files)} files for {env} in {where}; begin with README.md", highlight=False)
