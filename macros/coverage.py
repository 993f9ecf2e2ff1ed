"""How much of the guide is written, checked and proven: counted from records, never claimed."""

from dataclasses import dataclass

from macros.context import Context
from macros.escape import fill
from macros.svg import stacked
from scaling_guide.model.topics import Topic

HEADINGS = (
    "Facts, each a check",
    "Verified as documented",
    "Proven able to fail",
    "Runbooks",
    "Thresholds",
    "Sources",
)


@dataclass(frozen=True)
class Row:
    """A topic of the table of contents. One that is not written has no cells."""

    id: str
    title: str
    cells: tuple[str, ...] | None


def table(site: Context) -> str:
    """All topics, section by section, with their figures; what nobody has looked at is said to be so."""
    sections = [
        (section, [_row(site, f"{section.id}/{entry.id}", entry.title) for entry in section.topics])
        for section in site.guide.sections
    ]
    rows = [row for _, members in sections for row in members]
    written = sum(row.cells is not None for row in rows)
    title = f"{written} of {len(rows)} topics are written"
    bar = stacked(title, [("written", written, "good"), ("not written", len(rows) - written, "mute")])
    return fill("coverage/table", site=site, headings=HEADINGS, sections=sections, title=title, bar=bar)


def _row(site: Context, topic_id: str, title: str) -> Row:
    return Row(
        topic_id, title, _cells(site, site.guide.topics[topic_id]) if site.is_written(topic_id) else None
    )


def _cells(site: Context, topic: Topic) -> tuple[str, ...]:
    cited = [fact.source for fact in topic.facts.values()] + [pitfall.source for pitfall in topic.pitfalls]
    return (
        str(len(topic.facts)),
        _verified(site, topic),
        _proven(site, topic),
        str(len(topic.runbooks)),
        str(len(site.thresholds(topic.id))),
        str(len({citation.ref for citation in cited if citation.ref})),
    )


def _verified(site: Context, topic: Topic) -> str:
    if not any(site.states(fact) for fact in topic.facts):
        return "not looked yet"
    return f"{sum(_passed(site, fact) for fact in topic.facts)} of {len(topic.facts)}"


def _passed(site: Context, fact_id: str) -> bool:
    """Whether the fact, as it stands now, passed on every target of at least one environment."""
    return any(set(state.outcomes) == {"pass"} and not state.changed for state in site.states(fact_id))


def _proven(site: Context, topic: Topic) -> str:
    if site.known.proof is None:
        return "no proof run"
    proven = sum(site.known.proof.proves(fact) for fact in topic.facts)
    return f"{proven} of {len(topic.facts)}"
