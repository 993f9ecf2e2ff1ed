"""An expectation: a pure function from what was found to a verdict, with the words a page prints for it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from scaling_guide.model.units import Scalar, Unit, meaning, words

Found = Scalar | Sequence[Scalar]
ABSENT = "absent"


class Operator(StrEnum):
    """How a found value is held against the documented one."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    ONE_OF = "one_of"
    SET_EQUALS = "set_equals"
    CONTAINS = "contains"
    WITHIN = "within"
    EXCLUDES = "excludes"
    MATCHES = "matches"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True)
class Verdict:
    """Whether one observation met the expectation, and what was found, in words."""

    met: bool
    found: str


@dataclass(frozen=True)
class Expectation:
    """An operator and the value of one tier. `value` is as written; lists for the set operators."""

    operator: Operator
    value: Any
    unit: Unit = Unit.TEXT
    witness: str | None = None

    def words(self) -> str:
        """The expectation as a sentence part: `at least 4,096`, `one of least_conn, random`."""
        shown = [words(item, self.unit) for item in as_list(self.value)]
        if self.operator is Operator.BETWEEN:
            return f"between {shown[0]} and {shown[1]}"
        if self.operator in (Operator.PRESENT, Operator.ABSENT):
            return _PHRASE[self.operator]
        return f"{_PHRASE[self.operator]} {', '.join(shown)}".strip()

    def judge(self, values: Mapping[str, Any], setting: str) -> Verdict:
        """Hold everything that `setting` matches in `values` against the expectation.

        A `*` matches any name within one segment; every match must meet the expectation and no match meets
        none. `server *` stands for every server there is: one that lacks the setting does not meet it either.
        `absent` alone is met by no match, provided that its witness, a setting that proves somebody looked,
        has a value.
        """
        matches = find(values, setting)
        if self.operator is Operator.ABSENT:
            looked = self.witness is not None and not _all_nothing(find(values, self.witness).values())
            if matches:
                return Verdict(False, self._shown(matches))
            return Verdict(looked, ABSENT if looked else f"{ABSENT}, and so is its witness {self.witness}")
        if not matches:
            return Verdict(False, ABSENT)
        matches |= dict.fromkeys(_lacking(values, setting) - matches.keys())
        bad = {name: found for name, found in matches.items() if not self._meets(found)}
        return Verdict(not bad, self._shown(bad or matches))

    def _meets(self, found: Found) -> bool:
        if _all_nothing(as_list(found)):
            return False
        try:
            return _JUDGE[self.operator](found, self.value, self.unit)
        except ValueError:
            return False

    def _shown(self, matches: Mapping[str, Found]) -> str:
        shown = {name: self._words(found) for name, found in matches.items()}
        distinct = set(shown.values())
        if len(shown) == 1 or len(distinct) == 1:
            return next(iter(distinct))
        return ", ".join(f"{name} {text}" for name, text in sorted(shown.items()))

    def _words(self, found: Found) -> str:
        if found is None:
            return ABSENT
        if isinstance(found, list | tuple):
            return ", ".join(words(item, self.unit) for item in found) or "an empty list"
        return words(found, self.unit)  # type: ignore[arg-type]


_PHRASE = {
    Operator.EQUALS: "",
    Operator.NOT_EQUALS: "not",
    Operator.AT_LEAST: "at least",
    Operator.AT_MOST: "at most",
    Operator.ONE_OF: "one of",
    Operator.SET_EQUALS: "exactly the set",
    Operator.CONTAINS: "including",
    Operator.WITHIN: "nothing but",
    Operator.EXCLUDES: "none of",
    Operator.MATCHES: "matching",
    Operator.PRESENT: "set",
    Operator.ABSENT: "not set",
}


def as_list(value: Any) -> list[Any]:
    """`value` as a list; a scalar becomes a list of one, None an empty list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def find(values: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """Everything in `values` that `setting` names, keyed by what its `*` stood for (or by the setting).

    Segments are joined by ` > `: `backend app > server * > weight`.
    """
    if "*" not in setting:
        return {setting: values[setting]} if setting in values else {}
    pattern = _pattern(setting)
    matches = ((pattern.fullmatch(name), found) for name, found in values.items())
    return {_star(match): found for match, found in matches if match}


def _lacking(values: Mapping[str, Any], setting: str) -> set[str]:
    """What the `*` in `server * > weight` stands for, with the setting or without it.

    A bare `*` names no kind of thing, so nothing can be said to lack the setting.
    """
    things, _, key = setting.rpartition(" > ")
    if "*" in key or "*" not in things or "*" in things.split(" > "):
        return set()
    matches = (_pattern(things, r"(?= > |\Z)").match(name) for name in values)
    return {_star(match) for match in matches if match}


@cache
def _pattern(setting: str, end: str = "") -> re.Pattern[str]:
    return re.compile("([^>]+)".join(re.escape(part) for part in setting.split("*")) + end)


def _star(match: re.Match[str]) -> str:
    return " > ".join(match.groups())


def _all_nothing(found: Iterable[Any]) -> bool:
    """Whether there is no value at all: a list of empty texts says no more than none."""
    return all(item in (None, "", [], ()) for item in found)


def _means(value: Any, unit: Unit) -> list[Any]:
    return [meaning(item, unit) for item in as_list(value)]


def _between(found: Any, value: Any, unit: Unit) -> bool:
    low, high = _means(value, unit)
    return bool(low <= meaning(found, unit) <= high)


def _set_of(value: Any, unit: Unit) -> set[Any]:
    return set(_means(value, unit))


def _matches(found: Any, value: Any, unit: Unit) -> bool:
    return all(re.fullmatch(str(value), str(item)) for item in as_list(found)) and bool(as_list(found))


_JUDGE: dict[Operator, Callable[[Any, Any, Unit], bool]] = {
    Operator.EQUALS: lambda found, value, unit: _means(found, unit) == _means(value, unit),
    Operator.NOT_EQUALS: lambda found, value, unit: _means(found, unit) != _means(value, unit),
    Operator.AT_LEAST: lambda found, value, unit: bool(meaning(found, unit) >= meaning(value, unit)),
    Operator.AT_MOST: lambda found, value, unit: bool(meaning(found, unit) <= meaning(value, unit)),
    Operator.BETWEEN: _between,
    Operator.ONE_OF: lambda found, value, unit: meaning(found, unit) in _set_of(value, unit),
    Operator.SET_EQUALS: lambda found, value, unit: _set_of(found, unit) == _set_of(value, unit),
    Operator.CONTAINS: lambda found, value, unit: _set_of(found, unit) >= _set_of(value, unit),
    Operator.WITHIN: lambda found, value, unit: _set_of(found, unit) <= _set_of(value, unit),
    Operator.EXCLUDES: lambda found, value, unit: not _set_of(found, unit) & _set_of(value, unit),
    Operator.MATCHES: _matches,
    Operator.PRESENT: lambda found, value, unit: found is not None,
}
