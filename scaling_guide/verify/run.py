"""A run: which observations the checks need, and what they came to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import part
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import Run
from scaling_guide.probes.observation import HOLDER, Observation, Result
from scaling_guide.probes.observe import observe
from scaling_guide.verify.check import Check, judge

# another look would tell nothing: flaky is what passed in the end
_SETTLED = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.FLAKY})

Need = tuple[str, str]


class Observations:
    """The observations of a run: each source of each target once, and once more for each retry."""

    def __init__(
        self, environment: Environment, known: Mapping[Need, Result], retries: int = 0, live: bool = True
    ) -> None:
        self._environment = environment
        self._attempts: dict[Need, list[Result]] = {need: [result] for need, result in known.items()}
        self._retries = retries if live else 0

    def attempts(self, check: Check, today: date | None = None) -> Sequence[Result]:
        """The observations to judge `check` by: the first, and retries while it does not pass."""
        attempts = self._attempts[check.needs]
        for count in range(1, self._retries + 2):
            if judge(check, attempts[:count], today).outcome in _SETTLED:
                return attempts[:count]
            if count > self._retries:
                return attempts[:count]
            if count == len(attempts):
                attempts.append(observe(self._environment, [check.needs])[check.needs])
        return attempts


def judged_by(checks: Iterable[Check], known: Mapping[Need, Result]) -> dict[Need, Result]:
    """`known` with no more than `checks` are judged by: what else a file or a server said may be secret."""
    kept: dict[Need, dict[str, Any]] = {}
    for check in checks:
        result = known[check.needs]
        if isinstance(result, Observation):
            setting = check.fact.claim(check.environment).setting
            notes = (f"{setting} > {note}" for note in (HOLDER, "by"))
            values = kept.setdefault(check.needs, {})
            values |= part(result.values, setting)
            values |= {note: result.values[note] for note in notes if note in result.values}
    return {
        need: replace(result, values={**kept.get(need, {}), _LEFT_OUT: len(result.values)})
        if isinstance(result, Observation)
        else result
        for need, result in known.items()
    }


# an observation of nothing is damaged; this one has values, of which no fact may name one
_LEFT_OUT = "settings observed"


def observe_for(environment: Environment, checks: Iterable[Check]) -> dict[Need, Result]:
    """Everything that `checks` need, observed concurrently, each source once."""
    return observe(environment, dict.fromkeys(check.needs for check in checks))


def verify(environment: Environment, checks: Sequence[Check], today: date | None = None) -> Run:
    """Observe and judge `checks` without pytest, for callers that need the answer in process."""
    started = now()
    known = observe_for(environment, checks)
    results = tuple(judge(check, [known[check.needs]], today) for check in checks)
    return Run(
        environment=environment.name, tier=environment.tier, started=started, finished=now(), results=results
    )


def now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
