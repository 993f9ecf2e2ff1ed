"""What verification runs last saw of a fact, for the pages."""

from collections import Counter
from collections.abc import Mapping
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
    found = {name: [check for check in run.results if check.id == fact.id] for name, run in runs.items()}
    return tuple(
        _state(name, checks, fact.digest(runs[name].tier)) for name, checks in sorted(found.items()) if checks
    )


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
