"""Which row of a diagnosis is the case: the looks taken, and their output held against the readings."""

import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from scaling_guide.model.readings import judge
from scaling_guide.model.runbooks import Confirm, Finding, Runbook
from scaling_guide.model.target import Target
from scaling_guide.probes.observation import CannotObserve
from scaling_guide.probes.transport import LOCAL, run
from scaling_guide.render.commands import Printer, Situation, render, targets
from scaling_guide.render.documented import value_of

LOOK_SECONDS = 40.0
HERE = "here"
_AT_ONCE = 8


@dataclass(frozen=True)
class Seen:
    """What a look printed at one place, with its command as it is printed.

    `text` is None where it failed, and then `why` says how.
    """

    look: str
    place: str
    command: str
    text: str | None
    why: str = ""


@dataclass(frozen=True)
class RowSeen:
    """Whether a row holds, None where that cannot be said, and the readings that say so."""

    id: str
    holds: bool | None
    judged_by_person: bool
    readings: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """The row that decides, or None with the reason in `words`; every row, and what the looks printed.

    `also` are further rows that hold; `first_judge` are rows before the one that decides, for a person to
    judge.
    """

    runbook: str
    decides: str | None
    words: str
    also: tuple[str, ...]
    first_judge: tuple[str, ...]
    rows: tuple[RowSeen, ...]
    looks: tuple[Seen, ...]

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)


def diagnose(found: Situation) -> Diagnosis:
    """Take every look of the runbook, at all places at the same time, and judge its rows in order.

    Raises as `commands.render` does.
    """
    printer = Printer(found)
    asked = [
        (look, target, printer.text(render(look.run, found, target)))
        for look in found.runbook.confirm
        for target in targets(look, found)
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        seen = tuple(pool.map(lambda each: take(printer, *each), asked))
    return decide(found.runbook, seen, value_of(found.guide, found.environment.tier))


def take(printer: Printer, look: Confirm, target: Target | None, command: str) -> Seen:
    """What a look prints, run exactly as it is printed."""
    place, host = (target.id, target.host) if target else (HERE, f"{LOCAL}://")
    try:
        answer = run(host, f"bash -c {shlex.quote(printer.runnable(command))}", LOOK_SECONDS)
    except CannotObserve as error:
        return Seen(look.id, place, command, None, str(error))
    if answer.exit_code:
        said = answer.stderr.strip().splitlines() or [f"it ended with {answer.exit_code}"]
        return Seen(look.id, place, command, None, said[-1])
    if not answer.stdout.strip() and not look.silent:
        said = answer.stderr.strip().splitlines() or ["it printed nothing"]
        return Seen(look.id, place, command, None, said[-1])
    return Seen(look.id, place, command, answer.stdout)


def decide(runbook: Runbook, seen: tuple[Seen, ...], value_of: Callable[[str], float]) -> Diagnosis:
    """Which row is the case: the first that holds, unless one before it could not be judged."""
    outputs: dict[str, dict[str, str | None]] = {}
    for each in seen:
        outputs.setdefault(each.look, {})[each.place] = each.text
    rows = tuple(_row(row, outputs, value_of) for row in runbook.diagnose if not row.otherwise)
    last = runbook.diagnose[-1].id
    holding = [row.id for row in rows if row.holds]
    order = [row.id for row in rows]
    until = order.index(holding[0]) if holding else len(order)
    doubtful = [row.id for row in rows[:until] if row.holds is None and not row.judged_by_person]
    persons = tuple(row.id for row in rows[:until] if row.judged_by_person)
    decides: str | None = None
    if doubtful:
        words = f"cannot tell: {', '.join(doubtful)} could not be ruled out, since a look failed"
    elif holding:
        decides, words = holding[0], f"{holding[0]} is the first row that holds"
    elif persons:
        words = f"cannot tell: no reading holds, and a person must judge {', '.join(persons)}; else {last}"
    else:
        decides, words = last, "no row holds"
    also = tuple(each for each in holding if each != decides)
    return Diagnosis(runbook.id, decides, words, also, persons, rows, seen)


def _row(
    row: Finding, outputs: Mapping[str, Mapping[str, str | None]], value_of: Callable[[str], float]
) -> RowSeen:
    reads = [judge(reading, outputs.get(reading.look, {}), value_of) for reading in row.holds]
    states = [read.holds for read in reads]
    holds: bool | None = None
    if False in states:
        holds = False
    elif states and None not in states:
        holds = True
    return RowSeen(row.id, holds, row.judged is not None, tuple(read.words for read in reads))
