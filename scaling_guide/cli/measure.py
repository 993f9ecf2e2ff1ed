"""`guide lab measure`: the comparisons behind what pages claim about speed."""

import signal
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.table import Table

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out, say
from scaling_guide.lab.layout import LabError, lab
from scaling_guide.lab.measure.outdated import is_outdated
from scaling_guide.lab.measure.result import Result, read, write
from scaling_guide.lab.measure.rig import NotMeasured
from scaling_guide.lab.measure.run import measure as run
from scaling_guide.model.guide import Guide
from scaling_guide.model.measurements import Measurement
from scaling_guide.model.names import instead
from scaling_guide.model.outcome import ExitCode


def measure(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="measurements, as --list names them; else all"),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--lab", help="the lab to measure in; else the one after SG_LAB or 42")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="say what there is to measure and when it was measured, and end")
    ] = False,
) -> None:
    """Measure what the pages claim about speed, and hold the figures against the claim.

    Each measurement varies one thing (`data/measurements/ID.yml` says which) in a lab of its own, which is
    down afterwards. Real tools make the load: pgbench, wrk, redis-benchmark. Every variant is run once
    without counting, then several times, all in turn, so that a busy moment of the machine hits all alike.
    Median and spread go to data/measured/measurements, from where the pages take them.

    A machine with nothing else to do measures best. Ratios travel to another machine, absolute figures do
    not.

    Exit code 1 when the figures contradict what the record expects of them; they are kept all the same, and
    the page shows that. 10 when nothing contradicts, but something could not be measured. 4 for an id that is
    unknown.
    """
    own = number or lab().number + 1
    guide = project.guide(own)
    chosen = _chosen(guide, names or ())
    if listing:
        out.print(_list(guide, chosen))
        return
    environment = project.environment(guide, "lab")
    # so that an end from outside takes the lab down as well
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    problems, is_whole = list[str](), bool(chosen)
    for record in chosen:
        try:
            result = run(environment, record, own, say)
        except (NotMeasured, LabError) as error:
            errors.print(
                f"not measured: {record.id}: {error}", style="bold red", markup=False, highlight=False
            )
            is_whole = False
            continue
        write(guide.directory, result)
        out.print(_table(record, result))
        problems += [f"{record.id}: {each}" for each in result.contradictions(record)]
    for problem in problems:
        out.print(problem, style="bold red", markup=False, highlight=False)
    if problems:
        raise typer.Exit(ExitCode.DRIFT)
    raise typer.Exit(ExitCode.VERIFIED if is_whole else ExitCode.INCONCLUSIVE)


def _chosen(guide: Guide, names: Sequence[str]) -> list[Measurement]:
    """The measurements of these names; without any, all."""
    known = guide.measurements
    if unknown := [name for name in names if name not in known]:
        raise project.usage(f"there is no measurement {unknown[0]}; {instead(unknown[0], known)}")
    return [known[name] for name in names] or list(known.values())


def _list(guide: Guide, chosen: Sequence[Measurement]) -> Table:
    kept = read(guide.directory)
    table = Table("id", "what", "topic", "measured", box=None)
    for record in chosen:
        table.add_row(record.id, record.title, record.topic, ", ".join(_state(record, kept.get(record.id))))
    return table


def _state(record: Measurement, result: Result | None) -> Iterator[str]:
    if result is None:
        yield "never"
        return
    yield str(result.date)
    if is_outdated(result, record):
        yield "changed since"
    if result.contradictions(record):
        yield "contradicts its text"


def _table(record: Measurement, result: Result) -> Table:
    headings = [f"{metric.label}, {metric.unit}" for metric in record.metrics.values()]
    title = f"{record.title}: median (lowest to highest) of {record.repeats}, {result.seconds:.0f} s"
    table = Table(record.varied.label, *headings, box=None, title=title, title_justify="left")
    for variant, label in record.varied.labels.items():
        spreads = [result.spreads[metric][variant] for metric in record.metrics]
        table.add_row(label, *(f"{s.median:,g} ({s.lowest:,g} to {s.highest:,g})" for s in spreads))
    return table
