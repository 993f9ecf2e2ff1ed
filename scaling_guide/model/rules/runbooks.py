"""What makes a runbook safe to follow, and records kept up to date."""

from collections.abc import Iterator
from datetime import date, timedelta

from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.measurements import Measurement
from scaling_guide.model.names import instead
from scaling_guide.model.pages import docs, places
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


def row_order(guide: Guide, today: date) -> Iterator[Problem]:
    """The last row, and only that, is for none of the others."""
    for runbook in guide.runbooks.values():
        *rows, last = runbook.diagnose
        if not last.otherwise:
            what = (
                f"the last row of {runbook.id} is `{last.id}`, which does not say what to do when none holds"
            )
            yield problem(last, "ROW_LAST", what, "end with a row that has `otherwise: true`")
        for row in rows:
            if row.otherwise:
                what = f"`{row.id}` of {runbook.id} is for none of the others, and others follow"
                yield problem(row, "ROW_ORDER", what, "move it to the end", "otherwise")


def row_twice(guide: Guide, today: date) -> Iterator[Problem]:
    """Rows, or looks, that cannot be told apart."""
    for runbook in guide.runbooks.values():
        for kind in (runbook.diagnose, runbook.confirm):
            seen: set[str] = set()
            for record in kind:
                if record.id in seen:
                    what = f"{runbook.id} has `{record.id}` twice"
                    yield problem(record, "ROW_TWICE", what, "rename one of them", "id")
                seen.add(record.id)


def row_without_way(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for row in runbook.diagnose:
            if not (row.steps or row.link or row.alert_is_wrong or row.otherwise):
                what = f"`{row.id}` of {runbook.id} says what it is, and leads nowhere"
                yield problem(row, "ROW_WITHOUT_WAY", what, "give it `steps` or a `link`")


def row_unjudged(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for row in runbook.diagnose:
            if not row.otherwise and bool(row.holds) == (row.judged is not None):
                what = f"nothing decides, or two things decide, whether `{row.id}` of {runbook.id} holds"
                yield problem(
                    row, "ROW_UNJUDGED", what, "give it `holds`, or `judged: person` where no look shows it"
                )


def row_of_no_look(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        looks = {look.id for look in runbook.confirm}
        for row in runbook.diagnose:
            for reading in row.holds:
                if reading.look not in looks:
                    what = f"`{row.id}` of {runbook.id} is read from look {reading.look}"
                    yield problem(reading, "UNKNOWN_LOOK", what, instead(reading.look, looks), "look")


def row_of_no_step(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for row in runbook.diagnose:
            for step in row.steps:
                if isinstance(step, str) and step not in runbook.own_steps:
                    what = f"`{row.id}` of {runbook.id} needs step {step}, which mitigates nothing here"
                    yield problem(row, "UNKNOWN_STEP", what, instead(step, runbook.own_steps), "steps")
            for check in row.despite:
                if check not in runbook.preconditions.checks:
                    what = (
                        f"`{row.id}` of {runbook.id} goes on despite {check}, which is not looked at before"
                    )
                    repair = instead(check, runbook.preconditions.checks)
                    yield problem(row, "UNKNOWN_DESPITE", what, repair, "despite")


def row_to_nowhere(guide: Guide, today: date) -> Iterator[Problem]:
    """Links of rows: to a runbook, or to a section of a topic's page."""
    folder = docs(guide)
    topics = {f"{section.id}/{entry.id}" for section in guide.sections for entry in section.topics}
    for runbook in guide.runbooks.values():
        for row in runbook.diagnose:
            if row.link is None:
                continue
            page, _, anchor = row.link.partition("#")
            name = page.removeprefix("runbooks/")
            is_there = name in guide.runbooks if page != name else page in topics
            if is_there and anchor and page == name and folder and (folder / f"{page}.md").is_file():
                is_there = anchor in places(guide, folder, page)
            if is_there and anchor and page != name:
                is_there = anchor in {*guide.runbooks[name].rows, *guide.runbooks[name].own_steps}
            if not is_there:
                what = f"`{row.id}` of {runbook.id} leads to {row.link}"
                repair = "name `runbooks/ID`, or `section/topic#anchor` of a heading that is there"
                yield problem(row, "UNKNOWN_WAY", what, repair, "link")


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
