"""Names that one file uses for things in another."""

from collections.abc import Iterator
from datetime import date

from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.record import Record
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.rules.sources import citations
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.topics import Topic


def topic_without_entry(guide: Guide, today: date) -> Iterator[Problem]:
    known = {f"{section.id}/{entry.id}" for section in guide.sections for entry in section.topics}
    for topic in guide.topics.values():
        if topic.id not in known:
            yield problem(
                topic, "UNKNOWN_TOPIC", f"{topic.id} is not in guide.yml", "add it to its section there"
            )
    for threshold in guide.thresholds.values():
        if threshold.topic not in known:
            what = f"{threshold.alert} names topic {threshold.topic}"
            yield problem(threshold, "UNKNOWN_TOPIC", what, "name a topic of guide.yml", "topic")
    for experiment in guide.experiments.values():
        if experiment.topic not in known:
            what = f"experiment {experiment.id} names topic {experiment.topic}"
            yield problem(experiment, "UNKNOWN_TOPIC", what, "name a topic of guide.yml", "topic")
    for measurement in guide.measurements.values():
        if measurement.topic not in known:
            what = f"measurement {measurement.id} names topic {measurement.topic}"
            yield problem(measurement, "UNKNOWN_TOPIC", what, "name a topic of guide.yml", "topic")


def duplicate_id(guide: Guide, today: date) -> Iterator[Problem]:
    owners: tuple[Topic | Runbook, ...] = (*guide.topics.values(), *guide.runbooks.values())
    kinds: list[list[tuple[str, Record, str]]] = [
        [(fact.id, fact, "") for owner in owners for fact in owner.facts.values()],
        [(section.id, section, "id") for section in guide.sections],
        [(f"{section.id}/{entry.id}", entry, "id") for section in guide.sections for entry in section.topics],
        [(threshold.alert, threshold, "alert") for threshold in guide.thresholds.values()],
        [(message.id, message, "") for message in guide.messages],
    ]
    for records in kinds:
        seen: dict[str, Location] = {}
        for name, record, key in records:
            if name in seen:
                what = f"{name} stands at {seen[name]} too"
                yield problem(record, "DUPLICATE_ID", what, "rename one of them", key)
            seen.setdefault(name, record.at)


def dangling_runbook(guide: Guide, today: date) -> Iterator[Problem]:
    for topic in guide.topics.values():
        for name in topic.runbooks:
            if name not in guide.runbooks:
                repair = f"write data/runbooks/{name}.yml or drop the name"
                yield problem(
                    topic, "UNKNOWN_RUNBOOK", f"{topic.id} names runbook {name}", repair, "runbooks"
                )
    for threshold in guide.thresholds.values():
        if threshold.runbook not in guide.runbooks:
            repair = f"write data/runbooks/{threshold.runbook}.yml or name another"
            yield problem(
                threshold,
                "UNKNOWN_RUNBOOK",
                f"{threshold.alert} names {threshold.runbook}",
                repair,
                "runbook",
            )


def orphan_runbook(guide: Guide, today: date) -> Iterator[Problem]:
    named = {name for topic in guide.topics.values() for name in topic.runbooks}
    for runbook in guide.runbooks.values():
        if runbook.id not in named:
            repair = "name it under `runbooks` of the topic it belongs to"
            yield problem(runbook, "ORPHAN_RUNBOOK", f"no topic leads to {runbook.id}", repair)


def dangling_check(guide: Guide, today: date) -> Iterator[Problem]:
    for runbook in guide.runbooks.values():
        for name, phase in runbook.phases.items():
            for check in phase.checks:
                if check not in guide.facts:
                    repair = "name a fact of a topic or write one under `facts` here"
                    yield problem(
                        phase, "UNKNOWN_CHECK", f"{name} of {runbook.id} names {check}", repair, "checks"
                    )


def dangling_seen_by(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for name in fact.seen_by:
            if name not in guide.facts:
                yield problem(fact, "UNKNOWN_SEEN_BY", f"{name} is no fact", "name another check", "seen_by")


def dangling_override(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = rendered_facts(guide.directory)
    rehearsed: tuple[Runbook | Experiment, ...] = (*guide.runbooks.values(), *guide.experiments.values())
    for played in rehearsed:
        for scenario in played.rehearsal.scenarios.values() if played.rehearsal else ():
            for name in scenario.overrides:
                if name not in guide.facts or name not in rendered:
                    what = f"no template renders a fact {name}"
                    yield problem(scenario, "UNKNOWN_OVERRIDE", what, "name a rendered fact", "overrides")


def dangling_source(guide: Guide, today: date) -> Iterator[Problem]:
    for citation in citations(guide):
        if citation.ref and citation.ref not in guide.sources:
            yield problem(
                citation, "UNKNOWN_SOURCE", f"{citation.ref} is not in sources.yml", "add it there", "ref"
            )


def dangling_related(guide: Guide, today: date) -> Iterator[Problem]:
    known = {f"{section.id}/{entry.id}" for section in guide.sections for entry in section.topics}
    for topic in guide.topics.values():
        for name in topic.related:
            if name not in known:
                yield problem(
                    topic, "UNKNOWN_RELATED", f"{topic.id} relates to {name}", "name a topic", "related"
                )


def dangling_alert(guide: Guide, today: date) -> Iterator[Problem]:
    alerts = {threshold.alert: threshold.runbook for threshold in guide.thresholds.values()}
    for runbook in guide.runbooks.values():
        for alert in runbook.alerts:
            if alerts.get(alert) != runbook.id:
                repair = "give thresholds.yml an alert of that name which names this runbook"
                yield problem(
                    runbook, "UNKNOWN_ALERT", f"nothing leads from {alert} to {runbook.id}", repair, "alerts"
                )


def dangling_attestation(guide: Guide, today: date) -> Iterator[Problem]:
    asked = {fact.setting for fact in guide.facts.values() if fact.probe == "attested"}
    for environment in guide.environments.values():
        for each in environment.attestations:
            if each.target not in environment.targets or f"attested > {each.setting}" not in asked:
                what = f"no fact asks for {each.setting} of {each.target}"
                repair = "correct the target or the setting, or drop it"
                yield problem(each, "UNKNOWN_ATTESTATION", what, repair, "setting")


def dangling_waiver(guide: Guide, today: date) -> Iterator[Problem]:
    for environment in guide.environments.values():
        for waiver in environment.waivers:
            fact, target = guide.facts.get(waiver.check), environment.targets.get(waiver.target)
            if fact is None or target is None or target.system not in fact.systems:
                what = f"{waiver.check} on {waiver.target} is no check of {environment.name}"
                yield problem(
                    waiver, "UNKNOWN_WAIVER", what, "correct the check or the target, or delete the waiver"
                )
