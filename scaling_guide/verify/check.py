"""A check: one fact held against one target."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from scaling_guide.model.environments import Environment, Waiver
from scaling_guide.model.facts import Fact
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import CheckResult
from scaling_guide.model.systems import systems
from scaling_guide.model.target import Target
from scaling_guide.model.today import today as current_day
from scaling_guide.model.versions import version
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.probes.observation import HOLDER, Failure, Observation, Result
from scaling_guide.probes.probe import probe


@dataclass(frozen=True)
class Check:
    """A fact, the target it is asked of, and the runbook on whose behalf, if any."""

    fact: Fact
    target: Target
    environment: Environment
    runbook: str | None = None
    phase: str | None = None

    @property
    def name(self) -> str:
        """`fact@target`, unique in an environment."""
        return f"{self.fact.id}@{self.target.id}"

    @property
    def needs(self) -> tuple[str, str]:
        """The observation that the check is judged by."""
        return self.fact.probe, self.target.id


@dataclass(frozen=True)
class _Judgement:
    outcome: Outcome
    found: str | None
    message: str


def checks_of(environment: Environment, fact: Fact, runbook: str | None = None,
              phase: str | None = None) -> tuple[Check, ...]:  # fmt: skip
    """The checks of `fact` in `environment`: one for each target that it is asked of."""
    return tuple(Check(fact, target, environment, runbook, phase) for target in fact.targets(environment))


def judge(check: Check, attempts: Sequence[Result], today: date | None = None) -> CheckResult:
    """The result of `check` from its observations, oldest first; later ones are retries of a failure."""
    judgements = [_judge_one(check, result) for result in attempts]
    judgement, last = judgements[-1], attempts[-1]
    failed = sum(1 for one in judgements if one.outcome is not Outcome.PASS)
    if judgement.outcome is Outcome.PASS and failed:
        first = next(one for one in judgements if one.outcome is not Outcome.PASS)
        judgement = _Judgement(
            Outcome.FLAKY, judgement.found, f"flaky {failed}/{len(judgements)}: {first.message}"
        )
    judgement = _waive(check, judgement, today or current_day())
    fact = check.fact
    at = fact.place("expect")
    claim = fact.claim(check.environment)
    return CheckResult(
        id=fact.id,
        topic=fact.topic,
        runbook=check.runbook or fact.runbook,
        phase=check.phase,
        system=check.target.system,
        target=check.target.id,
        safety="probe" if probe(fact.probe).requests else "read",
        severity=fact.severity,
        outcome=judgement.outcome,
        setting=claim.setting,
        label=fact.label,
        expected=claim.expectation.words(),
        found=None if judgement.found is None else _printable(judgement.found),
        message=_printable(judgement.message),
        page=fact.page,
        source={"file": str(at.path), "line": at.line},
        reproduce=by_hand(fact.probe, check.environment, check.target, claim.setting),
        digest=fact.digest(check.environment.tier),
        observed_at=last.observed_at,
        attempts=len(attempts),
        seconds=round(sum(result.seconds for result in attempts), 4),
    )


def _printable(text: str) -> str:
    """`text` with control characters written out: no server may break a report or a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _judge_one(check: Check, result: Result) -> _Judgement:
    fact = check.fact
    if isinstance(result, Failure):
        message = f"{check.target.id}: {fact.probe} could not be observed: {result.message}"
        return _Judgement(Outcome(result.outcome), None, message)
    gate = _outside_versions(fact, result, check.target)
    if gate:
        return _Judgement(Outcome.NOT_APPLICABLE, None, gate)
    claim = fact.claim(check.environment)
    running = result.version or check.target.version
    verdict = claim.judge(result.values, fact.default_for(running))
    if verdict.undetermined is not None:
        message = f"{check.target.id}: {claim.setting} cannot be determined: {verdict.undetermined}"
        return _Judgement(Outcome.UNDETERMINED, None, message)
    expected = claim.expectation.words()
    found = _vouched(fact, claim.setting, result, verdict.found)
    if verdict.by_default:
        found = f"{found}, the default of {systems()[check.target.system].title} {running}"
    if verdict.met:
        return _Judgement(Outcome.PASS, found, f"{claim.setting} is {found}")
    message = f"{check.target.id}: {claim.setting} is {found}, expected {expected}"
    return _Judgement(Outcome.FAIL, found, message)


def _vouched(fact: Fact, setting: str, result: Observation, found: str) -> str:
    """What was found; with the person who says so where it was not observed, and with who is behind it."""
    by = result.values.get(f"{setting} > by") if fact.probe == "attested" else None
    holder = result.values.get(f"{setting} > {HOLDER}")
    note = f"attested by {by}" if by else holder
    return f"{found} ({note})" if note else found


def _outside_versions(fact: Fact, observed: Observation, target: Target) -> str | None:
    """Why the fact does not apply to the version that runs, or None where it does."""
    running = observed.version or target.version
    if fact.since and version(running) < version(fact.since):
        return f"applies since {target.system} {fact.since}, {target.id} runs {running}"
    if fact.until and version(running) >= version(fact.until):
        return f"applies before {target.system} {fact.until}, {target.id} runs {running}"
    return None


def _waive(check: Check, judgement: _Judgement, today: date) -> _Judgement:
    """A waiver covers drift only, and only until it expires: it never covers that nobody could look."""
    waiver = _waiver_of(check)
    if waiver is None or judgement.outcome is not Outcome.FAIL:
        return judgement
    terms = f"by {waiver.owner} until {waiver.expires}: {waiver.reason}"
    if waiver.expires < today:
        return _Judgement(
            Outcome.FAIL, judgement.found, f"{judgement.message} (waiver expired; waived {terms})"
        )
    return _Judgement(Outcome.WAIVED, judgement.found, f"{judgement.message} (waived {terms})")


def _waiver_of(check: Check) -> Waiver | None:
    for waiver in check.environment.waivers:
        if (waiver.check, waiver.target) == (check.fact.id, check.target.id):
            return waiver
    return None
