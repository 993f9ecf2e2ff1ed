"""What makes a runbook safe to follow, and records kept up to date."""

from collections.abc import Iterator
from datetime import date, timedelta

from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.measurements import Measurement
from scaling_guide.model.problems import Problem
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.topics import Topic


def phase_without_check(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for name, phase in runbook.phases.items():
            if not phase.checks:
                what = f"{name} of {runbook.id} says nothing that can be checked"
                yield problem(phase, "PHASE_WITHOUT_CHECK", what, "name facts under `checks`")


def alert_never_wrong(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        if not any(finding.alert_is_wrong for finding in runbook.diagnose):
            what = f"{runbook.id} does not say when its alert is wrong"
            yield problem(
                runbook, "ALERT_NEVER_WRONG", what, "add a row with `alert_is_wrong: true`", "diagnose"
            )


def precondition_that_acts(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for step in runbook.preconditions.steps:
            if step.safety != "read-only":
                what = f"a precondition of {runbook.id} is {step.safety}"
                yield problem(step, "PRECONDITION_ACTS", what, "move the step to `mitigate`", "safety")


def expired_waiver(guide: Guide, today: date) -> Iterator[Problem]:
    for environment in guide.environments.values():
        for waiver in environment.waivers:
            if waiver.expires < today:
                what = f"the waiver of {waiver.check} on {waiver.target} ended on {waiver.expires}"
                yield problem(
                    waiver, "WAIVER_EXPIRED", what, "mend the drift, or have its owner renew it", "expires"
                )


def expired_attestation(guide: Guide, today: date) -> Iterator[Problem]:
    for environment in guide.environments.values():
        for attestation in environment.attestations:
            if attestation.until < today:
                what = f"{attestation.setting} of {attestation.target} was attested until {attestation.until}"
                repair = "see for yourself again, and set `on` and `until`"
                yield problem(attestation, "ATTESTATION_EXPIRED", what, repair, "until")


def overdue_review(guide: Guide, today: date) -> Iterator[Problem]:
    for owner in _reviewed(guide):
        if today - owner.reviewed > timedelta(days=365):
            what = f"{owner.id} was last reviewed on {owner.reviewed}"
            yield problem(owner, "REVIEW_OVERDUE", what, "read it through and set `reviewed`", "reviewed")


def review_from_the_future(guide: Guide, today: date) -> Iterator[Problem]:
    for owner in _reviewed(guide):
        if owner.reviewed > today:
            what = f"{owner.id} was reviewed on {owner.reviewed}"
            yield problem(owner, "REVIEW_FUTURE", what, "correct the date", "reviewed")


def _reviewed(guide: Guide) -> tuple[Topic | Runbook | Experiment | Measurement, ...]:
    return (
        *guide.topics.values(),
        *guide.runbooks.values(),
        *guide.experiments.values(),
        *guide.measurements.values(),
    )
