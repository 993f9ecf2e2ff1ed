"""What every block of a page is made from: the guide, what runs have seen of it, and the way to other pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from macros.links import Links
from macros.reports import Proof, Run, State, states
from scaling_guide.model.environments import Environment
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.sources import Source

EXAMPLE = "production"


@dataclass(frozen=True)
class Known:
    """All that pages report: the records, the runs (oldest first) and the kill matrix, None before a proof run."""

    guide: Guide
    runs: tuple[Run, ...]
    proof: Proof | None

    @cached_property
    def states(self) -> Mapping[str, tuple[State, ...]]:
        """What was last seen of each fact, by fact id."""
        return {fact.id: states(self.runs, fact) for fact in self.guide.facts.values()}


@dataclass(frozen=True)
class Context:
    """What is known, seen from one page."""

    known: Known
    links: Links

    @property
    def guide(self) -> Guide:
        return self.known.guide

    @property
    def example(self) -> Environment:
        """The environment whose addresses and paths the pages show."""
        return self.guide.environments[EXAMPLE]

    def source(self, ref: str | None) -> Source | None:
        """The source of that id; None for a rule of thumb, which has none."""
        return None if ref is None else self.guide.sources[ref]

    def states(self, fact_id: str) -> tuple[State, ...]:
        """What was last seen of a fact; empty where nobody has looked."""
        return self.known.states[fact_id]

    def page(self, fact: Fact) -> str:
        """The address at which a fact is documented, with its anchor."""
        return self.links.to(f"{fact.topic or f'runbooks/{fact.runbook}'}.md", fact.id)

    def is_written(self, topic_id: str) -> bool:
        """Whether a topic has both its records and its page."""
        return topic_id in self.guide.topics and self.links.has(f"{topic_id}.md")
