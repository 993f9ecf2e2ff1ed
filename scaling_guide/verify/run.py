"""A run: which observations the checks need, and what they came to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from scaling_guide.model.environments import Environment
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import Run
from scaling_guide.probes.observation import Result
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
