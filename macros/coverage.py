"""How much of the guide is written, checked and proven."""

from dataclasses import dataclass

from macros.context import Context
from macros.escape import fill
from macros.svg import stacked
from scaling_guide.model.coverage import TopicCoverage
from scaling_guide.render.coverage import LAB, coverage

HEADINGS = (
    "Settings",
    "Checks in the lab",
    "Verified as documented",
    "Mutants",
    "Proven able to fail",
    "Runbooks",
    "Thresholds",
    "Sources",
    "Questions",
    "Messages",
)


@dataclass(frozen=True)
class Row:
    """A topic of the table of contents. One that is not written has no cells."""

    id: str
    title: str
    cells: tuple[str, ...] | None


def table(site: Context) -> str:
    """All topics, section by section, with their figures; what nobody has looked at is said to be so."""
    known = coverage(site.guide, site.links.docs, site.known.runs.get(LAB), site.known.proof)
    sections = [
        (section, [_row(topic) for topic in known.topics if topic.section == section.id])
        for section in site.guide.sections
    ]
    missing = len(known.topics) - known.written
    title = f"{known.written} of {len(known.topics)} topics are written"
    bar = stacked(title, [("written", known.written, "good"), ("not written", missing, "mute")])
    return fill("coverage/table", site=site, headings=HEADINGS, sections=sections, title=title, bar=bar)


def _row(topic: TopicCoverage) -> Row:
    return Row(topic.id, topic.title, _cells(topic) if topic.page else None)


def _cells(topic: TopicCoverage) -> tuple[str, ...]:
    """A cell for each of the headings."""
    return (
        str(topic.settings),
        str(topic.checks),
        "not looked yet" if topic.verified is None else f"{topic.verified} of {topic.settings}",
        "no proof run" if topic.mutants is None else str(topic.mutants),
        "no proof run" if topic.proven is None else f"{topic.proven} of {topic.settings}",
        str(topic.runbooks),
        str(topic.thresholds),
        str(topic.sources),
        str(topic.questions),
        str(topic.messages),
    )
