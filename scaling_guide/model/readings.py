"""What decides a row of a diagnosis: a look, and a predicate over its output that a program can evaluate."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from scaling_guide.model.record import Id, Record, Text


def _a_pattern(text: str) -> str:
    try:
        re.compile(text, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"`{text}` is no regular expression: {error}") from None
    return text


Pattern = Annotated[Text, AfterValidator(_a_pattern)]
Bound = float | Id
"""A number, or the id of the fact whose documented value it is."""

_TAKE: Mapping[str, Callable[[Sequence[float]], float]] = {
    "largest": max,
    "smallest": min,
    "sum": sum,
    "change": lambda numbers: numbers[-1] - numbers[0],
}
_COMPARED: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "at_least": ("at least", lambda number, bound: number >= bound),
    "at_most": ("at most", lambda number, bound: number <= bound),
    "above": ("above", lambda number, bound: number > bound),
    "below": ("below", lambda number, bound: number < bound),
}


class Measure(Record):
    """A number read from text, and the bounds that it is held to.

    Exactly one of `lines` (how many lines match), `number` (what its group captures; with two groups, the
    first divided by the second) and `values` (how many different texts its group captures). Where a
    `number` is there more than once, `take` says which counts: `change` is the last minus the first.
    `missing` is the number where there is none; without it, nothing can be said.
    """

    lines: Pattern | None = None
    number: Pattern | None = None
    values: Pattern | None = None
    take: Literal["largest", "smallest", "sum", "change"] = "largest"
    missing: float | None = None
    at_least: Bound | None = None
    at_most: Bound | None = None
    above: Bound | None = None
    below: Bound | None = None

    @model_validator(mode="after")
    def _says_what_is_compared(self) -> "Measure":
        patterns = [each for each in (self.lines, self.number, self.values) if each is not None]
        if len(patterns) != 1:
            raise ValueError("give exactly one of `lines`, `number` and `values`")
        if not self.bounds:
            raise ValueError("give a bound: `at_least`, `at_most`, `above` or `below`")
        groups = re.compile(patterns[0]).groups
        if self.lines is None and groups not in ((1, 2) if self.number else (1,)):
            raise ValueError("the pattern must capture the number, or the text that is counted")
        return self

    @property
    def pattern(self) -> str:
        """The regular expression, of whichever kind."""
        return self.lines or self.number or self.values or ""

    @property
    def bounds(self) -> Mapping[str, Bound]:
        """The bounds that are given, by the name of the comparison."""
        given = {name: getattr(self, name) for name in _COMPARED}
        return {name: bound for name, bound in given.items() if bound is not None}

    def read(self, text: str) -> float | None:
        """The number in `text`; None where there is none."""
        if self.lines is not None:
            pattern = re.compile(self.lines)
            return float(sum(bool(pattern.search(line)) for line in text.splitlines()))
        found = list(re.finditer(self.pattern, text, re.MULTILINE))
        if self.values is not None:
            return float(len({match[1] for match in found}))
        numbers = [number for match in found if (number := _number(match)) is not None]
        return _TAKE[self.take](numbers) if numbers else self.missing

    def is_met(self, number: float, value_of: Callable[[str], float]) -> bool:
        """Whether `number` is within every bound. `value_of` gives the documented value of a fact."""
        return all(_COMPARED[name][1](number, _value(bound, value_of)) for name, bound in self.bounds.items())

    def words(self, value_of: Callable[[str], float]) -> str:
        """What must be read, for people: `lines with x: at least 2`."""
        what = f"lines with `{self.pattern}`"
        if self.values is not None:
            what = f"different values of `{self.pattern}`"
        elif self.number is not None:
            two = re.compile(self.number).groups == 2
            what = (
                f"{'first number divided by the second' if two else self.take + ' number'} in `{self.number}`"
            )
            if self.take == "change":
                what = f"change of the number in `{self.number}`"
        bounds = [f"{_COMPARED[name][0]} {_value(bound, value_of):g}" for name, bound in self.bounds.items()]
        return f"{what}: {' and '.join(bounds)}"


class Reading(Measure):
    """A measure of what a look prints, at `any` of the places where it is taken or at `every`."""

    look: Id
    where: Literal["any", "every"] = "any"


@dataclass(frozen=True)
class Read:
    """What came of a reading: `holds` is None where it cannot be said, and `words` says why in any case."""

    holds: bool | None
    words: str


def judge(reading: Reading, outputs: Mapping[str, str | None], value_of: Callable[[str], float]) -> Read:
    """Hold `reading` against what its look printed at each place; None stands for a look that failed."""
    told: list[tuple[bool | None, str]] = []
    for place, text in outputs.items():
        number = None if text is None else reading.read(text)
        if number is None:
            why = "the look failed or printed nothing" if text is None else "the number is not there"
            told.append((None, f"{place}: {why}"))
        else:
            told.append((reading.is_met(number, value_of), f"{place}: {number:g}"))
    states = [state for state, _ in told]
    holds = any if reading.where == "any" else all
    said: bool | None = holds(state is True for state in states) if states else None
    # an unknown place matters unless the known ones have settled it
    settled = (True in states) if reading.where == "any" else (False in states)
    if None in states and not settled:
        said = None
    return Read(said, f"{reading.words(value_of)}; read {', '.join(words for _, words in told) or 'nowhere'}")


def _number(match: re.Match[str]) -> float | None:
    try:
        numbers = [float(group.replace(",", "")) for group in match.groups() if group is not None]
    except ValueError:
        return None
    if match.re.groups == 1:
        return numbers[0] if numbers else None
    return numbers[0] / numbers[1] if len(numbers) == 2 and numbers[1] else None


def _value(bound: Bound, value_of: Callable[[str], float]) -> float:
    return value_of(bound) if isinstance(bound, str) else bound


class Effect(Measure):
    """What a step must have changed, read from its own output: a step that changed nothing is red."""

    of: Text = Field(description="what is counted, for people: `sessions ended`")
