"""`guide size`: which tier a peak belongs to."""

from typing import Annotated

import typer
from rich.table import Table

from scaling_guide.capacity.size import size as sized
from scaling_guide.cli import project
from scaling_guide.cli.console import out


def size(
    peak: Annotated[int, typer.Option(help="requests in the busiest second, growth included")],
) -> None:
    """Say which tier a peak belongs to, and how many replicas and load balancers carry it.

    A zone may be lost at the peak, where there is more than one.
    """
    guide = project.guide()
    try:
        found = sized(guide.tiers, peak)
    except ValueError as error:
        raise project.usage(str(error)) from None
    tier = guide.tiers[found.tier]
    each = f", {found.replicas // found.zones:,} in each zone" if found.zones > 1 else ""
    table = Table(box=None, show_header=False)
    table.add_row("tier", f"{found.tier}, sized for up to {tier.peak_requests_per_second:,} requests/s")
    table.add_row("zones", f"{found.zones}")
    table.add_row("load balancers", f"{found.load_balancers}")
    table.add_row("replicas", f"{found.replicas:,}{each}")
    table.add_row(
        "without spares", f"{found.needed:,}, at {tier.requests_per_second_per_replica:,} requests/s each"
    )
    out.print(table)
    for line in tier.implies:
        out.print(f"  {line}", style="dim", markup=False, highlight=False)
