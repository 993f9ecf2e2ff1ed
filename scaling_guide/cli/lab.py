"""`guide lab`: the reference environment."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scaling_guide.cli import project
from scaling_guide.cli.console import out, say
from scaling_guide.cli.deferred import Entry, group
from scaling_guide.lab import lifecycle
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.record import TierName

_DEFERRED = (
    Entry(
        "mutate",
        "scaling_guide.cli.mutate:mutate",
        "Break every documented fact in the running lab, and show that exactly its check goes red.",
    ),
    Entry(
        "rehearse",
        "scaling_guide.cli.rehearse:rehearse",
        "Run runbooks by their own commands under load, as documented and the opposite, "
        "and count what was lost.",
    ),
    Entry(
        "diagnose",
        "scaling_guide.cli.diagnose:diagnose",
        "Bring about the cause of each row in the running lab, and see that this row decides.",
    ),
    Entry(
        "measure",
        "scaling_guide.cli.measure:measure",
        "Measure what the pages claim about speed, and hold the figures against the claim.",
    ),
    Entry(
        "issue-certificate",
        "scaling_guide.cli.issue_certificate:issue_certificate",
        "Issue a certificate by the lab's own authority, as an ACME client does elsewhere.",
    ),
)

app = typer.Typer(
    cls=group(_DEFERRED),
    help="The reference environment: real servers on loopback, from the files that the pages show.",
    no_args_is_help=True,
)

Server = Annotated[str, typer.Argument(help="a server of the lab, as `guide lab status` names it")]


@app.command()
def up(
    tier: Annotated[
        TierName | None, typer.Option(help="whose values the servers run; else the lab's own")
    ] = None,
    number: project.LabNumber = None,
) -> None:
    """Start the lab and return when every server is ready and proven ours."""
    tier = tier or project.environment(project.guide(number), "lab").tier
    status = lifecycle.up(number, tier, progress=say)
    out.print(
        f"lab {status.number} is up, tier {status.tier}, in {status.root}", style="green", highlight=False
    )


@app.command()
def down(number: project.LabNumber = None) -> None:
    """Stop the lab and wait until nothing of it runs. Nothing to stop is fine."""
    was_up = lifecycle.down(number)
    out.print("lab stopped" if was_up else "lab was down", highlight=False)


@app.command()
def status(number: project.LabNumber = None) -> None:
    """Show every server of the lab. Exit code 10 when not all are ready."""
    found = lifecycle.status(number)
    table = Table("server", "state", "pid", "listens on", "detail", box=None)
    for server in found.servers.values():
        listens, detail = " ".join(server.binds), Text(server.detail)
        table.add_row(server.name, server.state, str(server.pid or ""), listens, detail)
    where = f", tier {found.tier}, {found.root}" if found.tier else ""
    out.print(f"lab {found.number} is {found.phase}{where}", highlight=False)
    if found.servers:
        out.print(table)
    if not found.is_ready:
        raise typer.Exit(ExitCode.INCONCLUSIVE)


@app.command()
def restart(server: Server, number: project.LabNumber = None) -> None:
    """Stop a server in good order and start it again."""
    _order("restart", server, number)


@app.command()
def stop(server: Server, number: project.LabNumber = None) -> None:
    """Stop a server after the work in hand."""
    _order("stop", server, number)


@app.command()
def start(server: Server, number: project.LabNumber = None) -> None:
    """Start a server that was stopped."""
    _order("start", server, number)


@app.command()
def reload(server: Server, number: project.LabNumber = None) -> None:
    """Reload a server's configuration, confirmed by the server's own word."""
    _order("reload", server, number)


def _order(operation: str, server: str, number: int | None) -> None:
    state = lifecycle.command(operation, server, number).servers[server]
    out.print(f"{server} {state.state}", highlight=False)
