"""`guide`: verify, explain, run the reference environment, build the site."""

import sys
from typing import TYPE_CHECKING

import typer

from scaling_guide.cli.deferred import Entry, group
from scaling_guide.lab.layout import LabError
from scaling_guide.model.lab_layout import NoSuchLab
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.today import NoSuchDay

if TYPE_CHECKING:
    from rich.console import Console

_NOT_UNDERSTOOD = 2  # Typer's exit code for a call with an unknown or missing option

_PLACE = "scaling_guide.cli"
_AGAINST, _READ, _WORK = "Hold it against an environment", "Read", "Work on it"
_COMMANDS = (
    Entry(
        "verify",
        f"{_PLACE}.verify:verify",
        "Hold the documented facts against an environment.",
        _AGAINST,
    ),
    Entry(
        "explain",
        f"{_PLACE}.explain:explain",
        "Say where an expected value comes from, file by file, and how to look by hand.",
        _AGAINST,
    ),
    Entry(
        "runbook",
        f"{_PLACE}.runbook:runbook",
        "Find the runbook that an alert leads to, and print what to look at first, or all of it.",
        _READ,
    ),
    Entry(
        "run",
        f"{_PLACE}.run:run_runbook",
        "Carry out a runbook one step at a time: exactly the commands that its page shows.",
        _READ,
    ),
    Entry(
        "why",
        f"{_PLACE}.why:why",
        "Name the known messages in a text or a log: how often, what they mean, where to read on.",
        _READ,
    ),
    Entry(
        "size",
        f"{_PLACE}.size:size",
        "Say which tier a peak belongs to, and how many replicas and load balancers carry it.",
        _READ,
    ),
    Entry(
        "build",
        f"{_PLACE}.build:build",
        "Build the site, with the results of the last verification on its pages.",
        _READ,
    ),
    Entry(
        "incident-pack",
        f"{_PLACE}.incident_pack:incident_pack",
        "Write all runbooks for an environment as plain files, for when the site is down too.",
        _READ,
    ),
    Entry(
        "validate",
        f"{_PLACE}.validate:validate",
        "Check everything under data/ and report all problems at once.",
        _WORK,
    ),
    Entry(
        "bench",
        f"{_PLACE}.bench:bench",
        "Time the guide beside what a user would do instead. Starts the lab where it is down.",
        _WORK,
    ),
    Entry(
        "lab",
        f"{_PLACE}.lab:app",
        "The reference environment: real servers on loopback, from the files that the pages show.",
        _WORK,
    ),
)

app = typer.Typer(
    name="guide",
    cls=group(_COMMANDS),
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


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
        # Typer has made an exit code of Ctrl-C
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            raise KeyboardInterrupt from None
        sys.exit(ExitCode.USAGE if end.code == _NOT_UNDERSTOOD else end.code)
    except (NoSuchLab, NoSuchDay) as error:
        _say(error)
        sys.exit(ExitCode.USAGE)
    except LabError as error:
        _say(error)
        for line in error.log:
            _errors().print(f"  {error.server or 'lab'} | {line}", markup=False, highlight=False)
        sys.exit(1)
    except OSError as error:
        _say(error)
        sys.exit(1)


def _say(error: Exception) -> None:
    # never as markup: the reason may be a server's own words, such as `[emerg] ...`
    _errors().print(f"error: {error}", markup=False, highlight=False)


def _errors() -> "Console":
    # `--help` and the start of each command go without it
    from scaling_guide.cli.console import errors

    return errors
