"""`guide runbook`: find the procedure for an alert, print it, and say which row is the case."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from scaling_guide.cli import project
from scaling_guide.cli.console import out
from scaling_guide.model.guide import Guide
from scaling_guide.model.names import instead
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.runbooks import Runbook

if TYPE_CHECKING:
    from scaling_guide.verify.diagnosis import Diagnosis

Server = Annotated[
    str | None, typer.Option("--server", help="the application server that it is about; else the first")
]
Given = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a value that the runbook asks for")
]


def runbook(
    alert: Annotated[str, typer.Argument(help="an alert's name, or a runbook's")],
    env: Annotated[
        str | None, typer.Option("--env", help="print all of it, with its commands for this environment")
    ] = None,
    diagnosed: Annotated[
        bool, typer.Option("--diagnose", help="take its read-only looks, and say which row is the case")
    ] = False,
    server: Server = None,
    given: Given = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the diagnosis as one JSON document")] = False,
) -> None:
    """Find the runbook that an alert leads to, and print what to look at first, or all of it.

    With `--diagnose`, every look is taken in the environment, and the rows are judged in order. Exit code 0
    when one decides, 10 when nothing can be said: a look failed, or a person must judge.
    """
    guide = project.guide()
    found = named(guide, alert)
    if env is None:
        if diagnosed:
            raise project.usage("--diagnose needs --env")
        _print_briefly(found)
        return
    # templates are needed here only, and take longer to import than the rest takes altogether
    from scaling_guide.cli.rendering import diagnosis_of, runbook_for

    values = settings(given)
    if not diagnosed:
        text = runbook_for(guide, env, found, server, values)
        out.print(text, end="", markup=False, highlight=False)
        return
    seen = diagnosis_of(guide, env, found, server, values)
    if as_json:
        json.dump(seen.document(), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        for line in told(seen, found):
            out.print(line, markup=False, highlight=False)
    raise typer.Exit(ExitCode.VERIFIED if seen.decides else ExitCode.INCONCLUSIVE)


def named(guide: Guide, alert: str) -> Runbook:
    """The runbook of that id, or of that alert here or elsewhere. Exits with 4 for none."""
    ids = {threshold.alert.lower(): threshold.runbook for threshold in guide.thresholds.values()}
    known = {*(threshold.alert for threshold in guide.thresholds.values()), *guide.runbooks}
    for each in guide.runbooks.values():
        for other in each.also_known_as:
            ids.setdefault(other.lower(), each.id)
            known.add(other)
    name = ids.get(alert.lower(), alert)
    if name not in guide.runbooks:
        raise project.usage(f"nothing is known of {alert}; {instead(alert, known)}")
    return guide.runbooks[name]


def settings(given: Iterable[str] | None) -> Mapping[str, str]:
    """What `--set` gives, by name. Exits with 4 for what is no `NAME=VALUE`."""
    values = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not (name and equals and value):
            raise project.usage(f"--set {each}: give NAME=VALUE")
        values[name] = value
    return values


def told(seen: "Diagnosis", found: Runbook) -> Iterator[str]:
    """A diagnosis in lines for a terminal."""
    for look in seen.looks:
        yield f"{look.look} at {look.place}: {'taken' if look.text is not None else f'failed, {look.why}'}"
    yield ""
    if seen.decides is None:
        yield seen.words
        yield f"stop and call: {found.stop}"
    else:
        row = found.rows[seen.decides]
        yield f"{row.id}: {row.when}"
        yield f"  means: {row.means}"
        yield f"  do: {row.do}"
        if row.steps:
            yield f"  steps: {', '.join(step if isinstance(step, str) else step.do for step in row.steps)}"
        if row.link:
            yield f"  go to: {row.link}"
    for line in seen.first_judge if seen.decides else ():
        yield f"  rule out yourself first: {line}: {found.rows[line].when}"
    for line in seen.also:
        yield f"  holds as well: {line}: {found.rows[line].when}"
    yield ""
    for row_seen in seen.rows:
        state = {
            True: "holds",
            False: "no",
            None: "judge yourself" if row_seen.judged_by_person else "unknown",
        }
        yield f"{state[row_seen.holds]:>14}  {row_seen.id}"
        for reading in row_seen.readings:
            yield f"{'':>16}{reading}"


def _print_briefly(found: Runbook) -> None:
    out.print(found.title, style="bold")
    out.print(found.symptom, markup=False, highlight=False)
    for look in found.confirm:
        seen = f"    normal: {look.normal}   abnormal: {look.abnormal}"
        out.print(f"  {look.look}", markup=False, highlight=False)
        out.print(seen, style="dim", markup=False, highlight=False)
    out.print(f"stop and call      {found.owner}: {found.stop}", markup=False, highlight=False)
    out.print(f"with its commands  guide runbook {found.id} --env NAME", highlight=False)
    out.print(f"which row it is    guide runbook {found.id} --env NAME --diagnose", highlight=False)
    out.print(f"go or no-go        guide verify --env NAME --runbook {found.id} --before", highlight=False)
    out.print(f"page               runbooks/{found.id}/", highlight=False)
