"""Wrong values stand next to the documented one, and the check that sees them goes red."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_guide.model.expectation import Expectation, Operator
from scaling_guide.model.load import examine
from scaling_guide.model.mutants import right_value, wrong_values
from scaling_guide.model.record import TIERS
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.model.units import Unit

COUNT, DURATION, BOOLEAN, TEXT = Unit.COUNT, Unit.DURATION, Unit.BOOLEAN, Unit.TEXT
DATA = Path(__file__).parents[2] / "data"
VARIABLES = {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"}


@pytest.mark.parametrize(
    ("operator", "value", "unit", "wrong"),
    [
        ("equals", 200, COUNT, (199, 201)),
        ("equals", 0, COUNT, (1,)),
        ("equals", "off", BOOLEAN, ("on",)),
        ("equals", True, BOOLEAN, ("off",)),
        ("equals", "auto", TEXT, ()),
        ("equals", ["a"], TEXT, ()),
        ("at_least", 4096, COUNT, (4095,)),
        ("at_least", "1s", DURATION, ("999ms",)),
        ("at_most", "30s", DURATION, ("31s",)),
        ("between", ["1h", "1d"], DURATION, ("3599s", "86401s")),
        ("set_equals", ["a", "b"], TEXT, (["b"],)),
        ("contains", ["a", "b"], TEXT, (["b"],)),
        ("matches", "a+", TEXT, ()),
    ],
)
def test_wrong_values_are_the_nearest_on_each_side(
    operator: str, value: Any, unit: Unit, wrong: tuple[Any, ...]
) -> None:
    assert wrong_values(Expectation(Operator(operator), value, unit)) == wrong


def test_alternatives_take_the_place_of_neighbours() -> None:
    expectation = Expectation(Operator.EQUALS, 308, COUNT)
    assert wrong_values(expectation, (301, 302)) == (301, 302)


def test_an_alternative_that_is_right_is_no_wrong_value() -> None:
    expectation = Expectation(Operator.ONE_OF, ["least_conn", "random"])
    assert wrong_values(expectation, ("random", "ip_hash")) == ("ip_hash",)


NUMBERS = st.integers(min_value=0, max_value=10**9)


@given(
    operator=st.sampled_from([Operator.EQUALS, Operator.AT_LEAST, Operator.AT_MOST]),
    value=NUMBERS,
    unit=st.sampled_from([Unit.COUNT, Unit.BYTES, Unit.DURATION]),
)
def test_a_wrong_value_is_red_and_a_right_one_green(operator: Operator, value: int, unit: Unit) -> None:
    expectation = Expectation(operator, value, unit)
    assert not any(expectation.judge({"s": wrong}, "s").met for wrong in wrong_values(expectation))
    assert expectation.judge({"s": right_value(expectation)}, "s").met


@given(NUMBERS, NUMBERS)
def test_outside_of_a_range_is_red_and_its_ends_are_green(one: int, other: int) -> None:
    expectation = Expectation(Operator.BETWEEN, sorted((one, other)), COUNT)
    assert not any(expectation.judge({"s": wrong}, "s").met for wrong in wrong_values(expectation))
    assert expectation.judge({"s": right_value(expectation)}, "s").met


def test_every_rendered_fact_of_the_guide_has_a_wrong_value_on_every_tier() -> None:
    guide, _ = examine(DATA, VARIABLES)
    assert guide is not None
    rendered = [guide.facts[name] for name in rendered_facts(DATA)]
    lacking = [
        (fact.id, tier)
        for fact in rendered
        for tier in TIERS
        if not wrong_values(fact.expectation(tier), fact.alternatives)
    ]
    assert rendered
    assert lacking == []
