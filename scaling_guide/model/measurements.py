"""Comparisons that the lab measures, so that a claim about speed rests on a figure and not on memory.

A measurement is a record of its own and no kind of experiment. An experiment brings about an accident under
load, and what counts is how many requests were lost through each load balancer. A measurement breaks nothing:
it varies one thing, and what counts is a figure, its spread, and which variant comes out ahead. They share
where they are shown, and nothing of what is written down.

What is run is code (`scaling_guide.lab.measure`, a function of the same id), since a load generator's command
line alone does not say what was there before it. What is claimed is here: `learned` is for people, `expect`
says the same to the machine.
"""

import json
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator
from simpleeval import InvalidExpression, SimpleEval

from scaling_guide.model.record import Record, Text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Number = Annotated[int | float, Field(gt=0)]
Medians = Mapping[str, Mapping[str, float]]
"""The median of each metric for each variant, by their names."""

# what an expression that somebody wrote can end in
UNREADABLE = (
    *(InvalidExpression, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, RecursionError, MemoryError),
)


class Varied(Record):
    """What differs from one variant to the next: a number, in rising `values`, or named `variants`."""

    label: Text
    unit: Text | None = None
    values: tuple[Number, ...] = ()
    variants: dict[Name, Text] = {}

    @model_validator(mode="after")
    def _something_varies(self) -> "Varied":
        if bool(self.values) == bool(self.variants):
            raise ValueError("give either `values` or `variants`")
        if len(self.values or self.variants) < 2:
            raise ValueError("one variant alone compares nothing")
        if list(self.values) != sorted(set(self.values)):
            raise ValueError("`values` must rise")
        if self.variants and self.unit:
            raise ValueError("named variants have no unit")
        return self

    @property
    def labels(self) -> Mapping[str, str]:
        """The name of each variant, as results are keyed by it, and its words for a reader."""
        return {str(value): f"{value:,}" for value in self.values} or self.variants


class Metric(Record):
    """What is measured of every variant."""

    label: Text
    unit: Text
    better: Literal["higher", "lower"]


class Measurement(Record):
    """A question that figures answer. `topic` is `section/topic`, whose page shows them.

    Every variant is measured `repeats` times. `learned` is what the figures mean for a reader, `not_shown`
    what they do not. `expect` are comparisons of medians that `learned` rests on: `latency.index < 0.1 *
    latency.scan` for named variants, `reads[8] > 1.5 * reads[1]` for values.
    """

    title: Text
    topic: Text
    owner: Text
    reviewed: date
    question: Text
    learned: Text
    not_shown: Text
    varied: Varied
    metrics: Annotated[dict[Name, Metric], Field(min_length=1)]
    repeats: Annotated[int, Field(ge=3, le=20)] = 5
    expect: Annotated[tuple[Text, ...], Field(min_length=1)]

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """The measurement's name, that of its file."""
        return self._id

    @property
    def digest(self) -> str:
        """A fingerprint of what is asked for: it changes exactly when the figures are of something else.

        Words and bounds may change; whether a bound holds is seen without running anything.
        """
        units = {name: metric.unit for name, metric in self.metrics.items()}
        asked = [list(self.varied.labels), units, self.repeats]
        return sha256(json.dumps(asked).encode()).hexdigest()[:16]

    def holds(self, expectation: str, medians: Medians) -> bool:
        """Whether a line of `expect` is true of these medians.

        Raises one of UNREADABLE for a line that cannot be computed, and ValueError for one that is no
        comparison.
        """
        held = SimpleEval(names=self._names(medians), functions={}).eval(expectation)
        if not isinstance(held, bool):
            raise ValueError("it is no comparison")
        return held

    def contradictions(self, medians: Medians) -> tuple[str, ...]:
        """The lines of `expect` that are not true of these medians."""
        return tuple(each for each in self.expect if not self.holds(each, medians))

    def _names(self, medians: Medians) -> dict[str, Any]:
        if self.varied.values:
            return {
                metric: {value: found[str(value)] for value in self.varied.values}
                for metric, found in medians.items()
            }
        return {metric: SimpleNamespace(**found) for metric, found in medians.items()}
