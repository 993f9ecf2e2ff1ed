"""The table of contents, the topics and the traffic tiers."""

from datetime import date
from typing import Literal

from pydantic import Field, PrivateAttr

from scaling_guide.model.facts import Fact
from scaling_guide.model.record import Id, Record, Text
from scaling_guide.model.sources import Citation
from scaling_guide.model.systems import SystemName


class Pitfall(Record):
    """Something that went wrong for real: what one sees, why, and the way out."""

    title: Text
    seen: Text
    because: Text
    instead: Text
    source: Citation


class Topic(Record):
    """One page of the guide. `facts` are its settings and behaviours, keyed by id."""

    owner: Text
    status: Literal["draft", "tested", "stable"]
    reviewed: date
    outcome: Text
    configs: tuple[Text, ...] = ()
    facts: dict[Id, Fact]
    pitfalls: tuple[Pitfall, ...] = ()
    runbooks: tuple[Id, ...] = ()
    related: tuple[Text, ...] = ()

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """`section/topic`, the path of its data, page and checks."""
        return self._id


class TopicEntry(Record):
    """A topic's place in the table of contents, written or not."""

    id: Id
    title: Text


class Section(Record):
    """A section of the guide and its topics, in reading order."""

    id: Id
    title: Text
    promise: Text
    topics: tuple[TopicEntry, ...]


class Unnoticed(Record):
    """A line of a rendered file that may go missing without a check noticing, and why that is accepted."""

    system: SystemName
    line: Text
    because: Text


class Tier(Record):
    """A size of product, told by a figure that its reader can measure."""

    title: Text
    peak_requests_per_second: int = Field(gt=0)
    zones: int = Field(gt=0)
    load_balancers: int = Field(gt=0)
    replicas: int = Field(gt=0)
    requests_per_second_per_replica: int = Field(gt=0)
    implies: tuple[Text, ...]
    source: Citation
