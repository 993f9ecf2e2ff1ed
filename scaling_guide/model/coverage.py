"""`coverage.json`: how much of the guide is written, checked and proven."""

from dataclasses import dataclass

from pydantic import Field

from scaling_guide.model.report import Report

SCHEMA = 1


@dataclass(frozen=True)
class TopicCoverage:
    """What there is for one topic of the table of contents, written or not.

    `page` is its address below the site, None where it has no page or no records. `checks` are pairs of a
    setting and a target of the lab. `verified` settings were as documented on every target of the lab, and
    are still documented so; None before a first run. A mutant of each check of a `proven` setting turned
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


class Coverage(Report):
    """All topics in reading order. `totals` counts once what several topics share."""

    schema_: int = Field(default=SCHEMA, alias="schema", ge=SCHEMA, le=SCHEMA)
    topics: tuple[TopicCoverage, ...]
    totals: dict[str, int | None]

    @property
    def written(self) -> int:
        """How many topics have records and a page."""
        return sum(topic.page is not None for topic in self.topics)
