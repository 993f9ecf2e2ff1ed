"""How much of the guide is written, checked and proven: counted from records and reports, never claimed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scaling_guide.model.coverage import Coverage, TopicCoverage
from scaling_guide.model.diagnoses import read as read_proofs
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import KillMatrix, Proven
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import CheckResult, Run
from scaling_guide.model.topics import Topic

# where every check can be asked, and was last
LAB = "lab"

Things = Mapping[str, frozenset[Any] | None]


def coverage(guide: Guide, docs: Path, run: Run | None, matrix: KillMatrix | None) -> Coverage:
    """What there is for each topic; a page counts where it is below `docs`.

    `run` is the latest `results.json` of the lab; where it has no check of a topic, its checks are those that
    the lab would be asked. `matrix` is `kill-matrix.json`.
    """
    topics, all_things = [], []
    for section in guide.sections:
        for entry in section.topics:
            id = f"{section.id}/{entry.id}"
            is_written = id in guide.topics and (docs / f"{id}.md").is_file()
            things = _things(guide, id, run, matrix)
            all_things.append(things)
            counts: dict[str, Any] = {name: _count([members]) for name, members in things.items()}
            topics.append(
                TopicCoverage(id, section.id, entry.title, f"{id}/" if is_written else None, **counts)
            )
    names = all_things[0] if all_things else ()
    written = sum(topic.page is not None for topic in topics)
    totals = {name: _count([things[name] for things in all_things]) for name in names}
    counted = {"topics": len(topics), "written": written, **totals, **diagnoses(guide)}
    return Coverage(topics=tuple(topics), totals=counted)


def diagnoses(guide: Guide) -> dict[str, int | None]:
    """How many rows the diagnoses of all runbooks have, and how many the lab has shown to decide."""
    shown = 0
    for runbook in guide.runbooks.values():
        proven = read_proofs(guide.directory, runbook.id)
        shown += sum(proven.holds(runbook, row) for row in runbook.rows) if proven else 0
    rows = sum(len(runbook.diagnose) for runbook in guide.runbooks.values())
    return {"diagnosis_rows": rows, "diagnosis_rows_proven": shown}


def _things(guide: Guide, topic_id: str, run: Run | None, matrix: KillMatrix | None) -> Things:
    """What a topic has, each thing by a name that is its own in the whole guide; None where it is unknown."""
    topic = guide.topics.get(topic_id)
    facts = topic.facts if topic else {}
    return {
        "settings": frozenset(facts),
        "checks": _checks(guide, facts, run),
        "verified": _verified(facts, run),
        "mutants": _mutants(facts, matrix),
        "proven": _proven(facts, matrix),
        "runbooks": frozenset(topic.runbooks if topic else ()),
        "thresholds": frozenset(id for id, each in guide.thresholds.items() if each.topic == topic_id),
        "sources": _sources(topic) if topic else frozenset(),
        "questions": frozenset(each.question for each in guide.questions.get(topic_id, ())),
        "messages": frozenset(message.id for message in guide.messages_of(topic_id)),
    }


def _checks(guide: Guide, facts: Mapping[str, Fact], run: Run | None) -> frozenset[str]:
    judged = frozenset(row.name for row in _rows(facts, run))
    lab = guide.environments[LAB]
    return judged or frozenset(
        f"{fact.id}@{target.id}" for fact in facts.values() for target in fact.targets(lab)
    )


def _verified(facts: Mapping[str, Fact], run: Run | None) -> frozenset[str] | None:
    rows = _rows(facts, run)
    if run is None or (facts and not rows):
        return None
    doubted = {
        row.id
        for row in rows
        if row.outcome is not Outcome.PASS or row.digest != facts[row.id].digest(run.tier)
    }
    return frozenset(row.id for row in rows) - doubted


def _mutants(facts: Mapping[str, Fact], matrix: KillMatrix | None) -> frozenset[tuple[str, str]] | None:
    """The mutants that had to turn a check of `facts` red, each by its target and its id."""
    if matrix is None:
        return None
    return frozenset(
        (row.id.partition("@")[2], mutant.id) for row in _proofs(facts, matrix) for mutant in row.mutants
    )


def _proven(facts: Mapping[str, Fact], matrix: KillMatrix | None) -> frozenset[str] | None:
    if matrix is None:
        return None
    return frozenset(fact for fact in facts if matrix.proves(fact))


def _rows(facts: Mapping[str, Fact], run: Run | None) -> list[CheckResult]:
    return [row for row in run.results if row.id in facts] if run else []


def _proofs(facts: Mapping[str, Fact], matrix: KillMatrix) -> list[Proven]:
    return [row for row in matrix.checks if row.fact in facts]


def _sources(topic: Topic) -> frozenset[str]:
    cited = [*(fact.source for fact in topic.facts.values()), *(each.source for each in topic.pitfalls)]
    return frozenset(citation.ref for citation in cited if citation.ref)


def _count(sets: Sequence[frozenset[Any] | None]) -> int | None:
    """How many different things there are in all `sets`; unknown where one of them is."""
    known = [each for each in sets if each is not None]
    return len(frozenset().union(*known)) if len(known) == len(sets) else None
