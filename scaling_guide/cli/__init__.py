"""`guide`: verify, explain, run the reference environment, build the site."""

import sys

import typer

from scaling_guide.cli import bench, lab, readers, verify, why
from scaling_guide.cli.console import errors
from scaling_guide.lab.layout import LabError
from scaling_guide.model.lab_layout import NoSuchLab
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.today import NoSuchDay

_NOT_UNDERSTOOD = 2  # Typer's exit code for a call with an unknown or missing option

app = typer.Typer(
    name="guide",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
_PANELS = {
    "Hold it against an environment": (verify.verify, verify.explain),
    "Read": (readers.runbook, why.why, readers.size, readers.build, readers.incident_pack),
    "Work on it": (verify.validate, bench.bench),
}
for panel, commands in _PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.add_typer(lab.app, name="lab", rich_help_panel="Work on it")


@app.callback(invoke_without_command=True)
def landing(context: typer.Context) -> None:
    """A guide to scaling whose every claim can be held against a live environment.

    To see it at work: `guide lab up`, then `guide verify --env lab`, then `guide build`.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line. Errors that a reader can mend end in one line, never in a traceback."""
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        sys.exit(ExitCode.USAGE if end.code == _NOT_UNDERSTOOD else end.code)
    except (NoSuchLab, NoSuchDay) as error:
        _say(error)
        sys.exit(ExitCode.USAGE)
    except LabError as error:
        _say(error)
        for line in error.log:
            errors.print(f"  {error.server or 'lab'} | {line}", markup=False, highlight=False)
        sys.exit(1)
    except OSError as error:
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    # never as markup: the reason may be a server's own words, such as `[emerg] ...`
    errors.print(f"error: {error}", markup=False, highlight=False)
