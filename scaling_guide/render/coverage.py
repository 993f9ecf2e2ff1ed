"""How much of the guide is written, checked and proven: counted from records and reports, never claimed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.topics import Topic
from scaling_guide.render.reports import Document

SCHEMA = 1
# where every check can be asked, and was last
LAB = "lab"

Things = Mapping[str, frozenset[Any] | None]


@dataclass(frozen=True)
class TopicCoverage:
    """What there is for one topic of the table of contents, written or not.

    `page` is its address below the site, None where it has no page or no records. `checks` are pairs of a
    setting and a target of the lab. `verified` settings were as documented on every target of the lab, and
    are still documented so; None where nobody has looked. A mutant of each check of a `proven` setting turned
    exactly its checks red; that and `mutants` are None where no proof run is known.
    """

    id: str
    section: str
    title: str
    page: str | None
    settings: int
    checks: int
    verified: int | None
    mutants: int | None
    proven: int | None
    runbooks: int
    thresholds: int
    sources: int
    questions: int
    messages: int


@dataclass(frozen=True)
class Coverage:
    """All topics in reading order. `totals` counts once what several topics share."""

    topics: tuple[TopicCoverage, ...]
    totals: Mapping[str, int | None]

    @property
    def written(self) -> int:
        """How many topics have records and a page."""
        return sum(topic.page is not None for topic in self.topics)

    def document(self) -> dict[str, Any]:
        """The content of `coverage.json`, as plain JSON values."""
        totals = {"topics": len(self.topics), "written": self.written, **self.totals}
        return {"schema": SCHEMA, "topics": [asdict(topic) for topic in self.topics], "totals": totals}


def coverage(guide: Guide, docs: Path, run: Document | None, matrix: Document | None) -> Coverage:
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
    return Coverage(tuple(topics), {name: _count([things[name] for things in all_things]) for name in names})


def _things(guide: Guide, topic_id: str, run: Document | None, matrix: Document | None) -> Things:
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


def _checks(guide: Guide, facts: Mapping[str, Fact], run: Document | None) -> frozenset[str]:
    judged = frozenset(f"{row['id']}@{row['target']}" for row in _rows(facts, run))
    lab = guide.environments[LAB]
    return judged or frozenset(
        f"{fact.id}@{target.id}" for fact in facts.values() for target in fact.targets(lab)
    )


def _verified(facts: Mapping[str, Fact], run: Document | None) -> frozenset[str] | None:
    rows = _rows(facts, run)
    if run is None or (facts and not rows):
        return None
    doubted = {
        row["id"]
        for row in rows
        if row["outcome"] != "pass" or row["digest"] != facts[row["id"]].digest(run["tier"])
    }
    return frozenset(row["id"] for row in rows) - doubted


def _mutants(facts: Mapping[str, Fact], matrix: Document | None) -> frozenset[tuple[str, str]] | None:
    """The mutants that had to turn a check of `facts` red, each by its target and its id."""
    if matrix is None:
        return None
    return frozenset(
        (row["id"].partition("@")[2], mutant["id"])
        for row in _proofs(facts, matrix)
        for mutant in row["mutants"]
    )


def _proven(facts: Mapping[str, Fact], matrix: Document | None) -> frozenset[str] | None:
    if matrix is None:
        return None
    rows = _proofs(facts, matrix)
    unproven = {_fact(row) for row in rows if not any(map(_is_killed, row["mutants"]))}
    return frozenset(map(_fact, rows)) - unproven


def _rows(facts: Mapping[str, Fact], run: Document | None) -> list[Document]:
    return [row for row in run["checks"] if row["id"] in facts] if run else []


def _proofs(facts: Mapping[str, Fact], matrix: Document) -> list[Document]:
    return [row for row in matrix["checks"] if _fact(row) in facts]


def _fact(row: Document) -> str:
    """The fact of a row of the kill matrix, whose id is `fact@target`."""
    return str(row["id"].partition("@")[0])


def _is_killed(mutant: Document) -> bool:
    return all(mutant[step] for step in ("landed", "red", "only", "restored"))


def _sources(topic: Topic) -> frozenset[str]:
    cited = [*(fact.source for fact in topic.facts.values()), *(each.source for each in topic.pitfalls)]
    return frozenset(citation.ref for citation in cited if citation.ref)


def _count(sets: Sequence[frozenset[Any] | None]) -> int | None:
    """How many different things there are in all `sets`; unknown where one of them is."""
    known = [each for each in sets if each is not None]
    return len(frozenset().union(*known)) if len(known) == len(sets) else None
