"""What verification runs last saw of a fact, for the pages."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from scaling_guide.model.facts import Fact
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import CheckResult, Run
from scaling_guide.model.today import now

# worst first: what a reader must hear of a setting that several targets have
OUTCOMES = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.UNREACHABLE,
    Outcome.TIMEOUT,
    Outcome.FLAKY,
    Outcome.UNDETERMINED,
    Outcome.UNSUPPORTED,
    Outcome.WAIVED,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)
FRESH = timedelta(days=1)
"""How long a result is shown as what is so: an environment is verified daily at least."""


@dataclass(frozen=True)
class State:
    """What was last seen of one fact in one environment, over all its targets.

    `changed` is set where the record no longer claims what was judged. `age` is that of the oldest result, in
    words, once it is past FRESH, and None before.
    """

    environment: str
    outcomes: Mapping[Outcome, int]
    seen: datetime | None
    changed: bool
    age: str | None = None

    @property
    def targets(self) -> int:
        return sum(self.outcomes.values())


def states(runs: Mapping[str, Run], fact: Fact) -> tuple[State, ...]:
    """What was last seen of `fact` in each environment."""
    return all_states(runs, [fact])[fact.id]


def all_states(runs: Mapping[str, Run], facts: Iterable[Fact]) -> dict[str, tuple[State, ...]]:
    """What was last seen of each fact in each environment, by fact id."""
    found: dict[str, dict[str, list[CheckResult]]] = {}
    for name, run in sorted(runs.items()):
        for check in run.results:
            found.setdefault(check.id, {}).setdefault(name, []).append(check)
    return {
        fact.id: tuple(
            _state(name, checks, fact.digest(runs[name].tier))
            for name, checks in found.get(fact.id, {}).items()
        )
        for fact in facts
    }


def _state(environment: str, checks: list[CheckResult], digest: str) -> State:
    return State(
        environment,
        Counter(check.outcome for check in checks),
        max(check.seen for check in checks),
        any(check.digest != digest for check in checks),
        age(min(check.seen for check in checks)),
    )


def age(moment: datetime) -> str | None:
    """How long ago that was, in words, where it is longer ago than FRESH: `3 days old`."""
    passed = now() - moment
    if passed <= FRESH:
        return None
    return f"{passed.days} day{'s' if passed.days > 1 else ''} old"
