"""Wrong values, derived from what is documented: the nearest one on each side that must turn a check red."""

from typing import Any

from scaling_guide.model.expectation import Expectation, Operator, as_list
from scaling_guide.model.units import Unit, meaning, shifted


def wrong_values(expectation: Expectation, alternatives: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """Values next to the boundary of `expectation` that do not meet it, as a server would accept them.

    Text has no neighbours, so wrong text comes from `alternatives`: other values that the product knows.
    Raises ValueError where the value of `expectation` has no meaning in its unit.
    """
    derived = _BOUNDARY.get(expectation.operator, _no_boundary)(expectation.value, expectation.unit)
    candidates = alternatives or tuple(derived)
    return tuple(value for value in candidates if not expectation.judge({"found": value}, "found").met)


def right_value(expectation: Expectation) -> Any:
    """A value that meets `expectation`, on its boundary where it has one; None where none can be derived."""
    if expectation.operator in (Operator.EQUALS, Operator.AT_LEAST, Operator.AT_MOST, Operator.SET_EQUALS):
        return expectation.value
    if expectation.operator in (Operator.BETWEEN, Operator.ONE_OF):
        return as_list(expectation.value)[0]
    if expectation.operator is Operator.CONTAINS:
        return [*as_list(expectation.value), "something else"]
    return None


def _below(value: Any, unit: Unit) -> list[Any]:
    return [shifted(value, unit, -1)] if meaning(value, unit) > 0 else []


def _above(value: Any, unit: Unit) -> list[Any]:
    return [shifted(value, unit, +1)]


def _around(value: Any, unit: Unit) -> list[Any]:
    if unit is Unit.TEXT or isinstance(value, list):
        return []
    if unit is Unit.BOOLEAN:
        return ["off" if meaning(value, unit) else "on"]
    return [*_below(value, unit), *_above(value, unit)]


def _outside(value: Any, unit: Unit) -> list[Any]:
    low, high = value
    return [*_below(low, unit), *_above(high, unit)]


def _one_less(value: Any, unit: Unit) -> list[Any]:
    return [as_list(value)[1:]]


def _no_boundary(value: Any, unit: Unit) -> list[Any]:
    return []


_BOUNDARY = {
    Operator.EQUALS: _around,
    Operator.AT_LEAST: _below,
    Operator.AT_MOST: _above,
    Operator.BETWEEN: _outside,
    Operator.SET_EQUALS: _one_less,
    Operator.CONTAINS: _one_less,
}
