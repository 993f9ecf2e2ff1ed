"""An expectation: a pure function from what was found to a verdict, with the words a page prints for it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
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

        A `*` segment matches any one name; every match must meet the expectation and no match meets none,
        save for `absent`, which needs its witness: a setting that proves somebody looked.
        """
        matches = find(values, setting)
        if self.operator is Operator.ABSENT:
            looked = self.witness is not None and bool(find(values, self.witness))
            if matches:
                return Verdict(False, self._shown(matches))
            return Verdict(looked, ABSENT if looked else f"{ABSENT}, and so is its witness {self.witness}")
        if not matches:
            return Verdict(False, ABSENT)
        bad = {name: found for name, found in matches.items() if not self._meets(found)}
        return Verdict(not bad, self._shown(bad or matches))

    def _meets(self, found: Found) -> bool:
        if found is None or found in ("", []):
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
    pattern = re.compile("([^>]+)".join(re.escape(part) for part in setting.split("*")))
    matches = ((pattern.fullmatch(name), found) for name, found in values.items())
    return {" ".join(match.groups()): found for match, found in matches if match}


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
    Operator.EXCLUDES: lambda found, value, unit: not _set_of(found, unit) & _set_of(value, unit),
    Operator.MATCHES: _matches,
    Operator.PRESENT: lambda found, value, unit: found is not None,
}
