"""An expectation: a pure function from what was found to a verdict, with the words a page prints for it."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from scaling_guide.model.units import Scalar, Unit, meaning, words

ABSENT = "absent"


@dataclass(frozen=True)
class Undetermined:
    """In place of a value: the target answered, and yet the value cannot be determined.

    `because` completes `cannot be determined: ...`: too little data, another server that was needed did not
    answer. `empty` says that what would be counted has no member (no key, no request), so that a count of 0
    or a list of none would say nothing.
    """

    because: str
    empty: bool = False


Found = Scalar | Sequence[Scalar] | Undetermined


class Operator(StrEnum):
    """How a found value is held against the documented one."""

    EQUALS = "equals"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    ONE_OF = "one_of"
    SET_EQUALS = "set_equals"
    CONTAINS = "contains"
    WITHIN = "within"
    MATCHES = "matches"


@dataclass(frozen=True)
class Verdict:
    """Whether one observation met the expectation, and what was found, in words.

    `undetermined` is the reason why neither can be said; `met` is then false. `by_default` says that the
    value is what the product does where the setting is left out.
    """

    met: bool
    found: str
    undetermined: str | None = None
    by_default: bool = False


@dataclass(frozen=True)
class Expectation:
    """An operator and the value of one tier. `value` is as written; lists for the set operators.

    An empty population meets the expectation only where `empty_meets`.
    """

    operator: Operator
    value: Any
    unit: Unit = Unit.TEXT
    empty_meets: bool = False

    def words(self) -> str:
        """The expectation as a sentence part: `at least 4,096`, `one of least_conn, random`."""
        shown = [words(item, self.unit) for item in as_list(self.value)]
        if self.operator is Operator.BETWEEN:
            return f"between {shown[0]} and {shown[1]}"
        return f"{_PHRASE[self.operator]} {', '.join(shown)}".strip()

    def judge(self, values: Mapping[str, Any], setting: str) -> Verdict:
        """Hold everything that `setting` matches in `values` against the expectation.

        A `*` matches any name within one segment; every match must meet the expectation and no match meets
        none. `server *` stands for every server there is: one that lacks the setting does not meet it either.
        One match that is wrong outweighs others that cannot be determined.
        """
        matches = find(values, setting)
        if not matches:
            return Verdict(False, ABSENT)
        matches |= dict.fromkeys(_lacking(values, setting) - matches.keys())
        unknown = {name: found for name, found in matches.items() if self._is_unknown(found)}
        bad = {
            name: found for name, found in matches.items() if name not in unknown and not self._meets(found)
        }
        if unknown and not bad:
            return Verdict(False, "unknown", self._shown(unknown))
        return Verdict(not bad, self._shown(bad or matches))

    def left_out(self, values: Mapping[str, Any], setting: str) -> tuple[str, ...]:
        """The full names that `setting` would have in the places seen where it is left out.

        A place is seen when something else in it was found; of what was not seen nothing is said.
        """
        place, _, key = setting.rpartition(" > ")
        if "*" in key:
            return ()
        if "*" not in place:
            seen = not place or any(name.startswith(f"{place} > ") for name in values)
            return (setting,) if seen and setting not in values else ()
        missing = _lacking(values, setting) - find(values, setting).keys()
        return tuple(_named(place, star) + f" > {key}" for star in sorted(missing))

    def _is_unknown(self, found: Found) -> bool:
        return isinstance(found, Undetermined) and not (found.empty and self.empty_meets)

    def _meets(self, found: Found) -> bool:
        if isinstance(found, Undetermined):
            return found.empty and self.empty_meets
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
        if isinstance(found, Undetermined):
            return found.because
        if isinstance(found, list | tuple):
            return ", ".join(words(item, self.unit) for item in found) or "an empty list"
        return words(found, self.unit)  # type: ignore[arg-type]


_PHRASE = {
    Operator.EQUALS: "",
    Operator.AT_LEAST: "at least",
    Operator.AT_MOST: "at most",
    Operator.ONE_OF: "one of",
    Operator.SET_EQUALS: "exactly the set",
    Operator.CONTAINS: "including",
    Operator.WITHIN: "nothing but",
    Operator.MATCHES: "matching",
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


def part(values: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """What of `values` is judged where `setting` is, by its own names; None for each thing that lacks it."""
    if "*" not in setting:
        return {setting: values[setting]} if setting in values else {}
    things, _, key = setting.rpartition(" > ")
    lacking: dict[str, Any] = {}
    if _lacking(values, setting):
        matches = (_pattern(things, _END).match(name) for name in values)
        lacking = {f"{match[0]} > {key}": None for match in matches if match}
    pattern = _pattern(setting)
    return {**lacking, **{name: found for name, found in values.items() if pattern.fullmatch(name)}}


def _lacking(values: Mapping[str, Any], setting: str) -> set[str]:
    """What the `*` in `server * > weight` stands for, with the setting or without it.

    A bare `*` names no kind of thing, so nothing can be said to lack the setting.
    """
    things, _, key = setting.rpartition(" > ")
    if "*" in key or "*" not in things or "*" in things.split(" > "):
        return set()
    matches = (_pattern(things, _END).match(name) for name in values)
    return {_star(match) for match in matches if match}


_END = r"(?= > |\Z)"


@cache
def _pattern(setting: str, end: str = "") -> re.Pattern[str]:
    return re.compile("([^>]+)".join(re.escape(part) for part in setting.split("*")) + end)


def _named(place: str, star: str) -> str:
    """`place` with each `*` replaced by what it stood for."""
    parts = iter(star.split(" > "))
    return re.sub(r"\*", lambda _: next(parts), place)


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
    Operator.AT_LEAST: lambda found, value, unit: bool(meaning(found, unit) >= meaning(value, unit)),
    Operator.AT_MOST: lambda found, value, unit: bool(meaning(found, unit) <= meaning(value, unit)),
    Operator.BETWEEN: _between,
    Operator.ONE_OF: lambda found, value, unit: meaning(found, unit) in _set_of(value, unit),
    Operator.SET_EQUALS: lambda found, value, unit: _set_of(found, unit) == _set_of(value, unit),
    Operator.CONTAINS: lambda found, value, unit: _set_of(found, unit) >= _set_of(value, unit),
    Operator.WITHIN: lambda found, value, unit: _set_of(found, unit) <= _set_of(value, unit),
    Operator.MATCHES: _matches,
}
