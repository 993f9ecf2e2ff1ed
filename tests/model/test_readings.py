"""Predicates over what a look prints: what they read, and what cannot be said."""

from typing import Any

import pytest
from pydantic import ValidationError

from scaling_guide.model.readings import Measure, Reading, judge

DOCUMENTED = {"pool-size": 20.0}.__getitem__


def reading(**fields: Any) -> Reading:
    return Reading.model_validate({"look": "state", **fields})


@pytest.mark.parametrize(
    ("fields", "text", "number"),
    [
        ({"lines": "DOWN"}, "a DOWN\nb UP\nc DOWN", 2),
        ({"lines": "DOWN"}, "", 0),
        ({"number": r"load ([0-9.]+)"}, "load 1.5", 1.5),
        ({"number": r"(\d+) left"}, "7 left\n12 left", 12),
        ({"number": r"(\d+) left", "take": "smallest"}, "7 left\n12 left", 7),
        ({"number": r"(\d+) left", "take": "sum"}, "7 left\n12 left", 19),
        ({"number": r"drops (\d+)", "take": "change"}, "drops 5\ndrops 9", 4),
        ({"number": r"(\d+) of (\d+)"}, "30 of 40", 0.75),
        ({"number": r"(\d+) of (\d+)"}, "30 of 0", None),
        ({"number": r"(\d+) left"}, "nothing", None),
        ({"number": r"(\d+) left", "missing": 0}, "nothing", 0),
        ({"number": r"([\d,]+) left"}, "1,200 left", 1200),
        ({"values": r"serial=(\w+)"}, "serial=A\nserial=B\nserial=A", 2),
    ],
)
def test_what_is_read(fields: dict[str, Any], text: str, number: float | None) -> None:
    assert Measure.model_validate({**fields, "at_least": 0}).read(text) == number


@pytest.mark.parametrize(
    ("bound", "holds"),
    [
        ({"at_least": 5}, True),
        ({"at_most": 4}, False),
        ({"above": 5}, False),
        ({"below": 6}, True),
        ({"at_least": 1, "at_most": 4}, False),
        ({"below": "pool-size"}, True),
    ],
)
def test_every_bound_must_be_met(bound: dict[str, Any], holds: bool) -> None:
    assert judge(reading(number=r"(\d+)", **bound), {"here": "5"}, DOCUMENTED).holds is holds


@pytest.mark.parametrize(
    ("where", "outputs", "holds"),
    [
        ("any", {"a": "DOWN", "b": "UP"}, True),
        ("every", {"a": "DOWN", "b": "UP"}, False),
        ("any", {"a": "UP", "b": None}, None),
        ("any", {"a": "DOWN", "b": None}, True),
        ("every", {"a": "DOWN", "b": None}, None),
        ("every", {"a": "UP", "b": None}, False),
        ("any", {}, None),
    ],
)
def test_a_look_that_failed_is_neither_yes_nor_no(
    where: str, outputs: dict[str, str | None], holds: bool | None
) -> None:
    assert judge(reading(lines="DOWN", at_least=1, where=where), outputs, DOCUMENTED).holds is holds


def test_the_reason_is_said_with_the_number_and_the_place() -> None:
    read = judge(reading(lines="DOWN", at_least=1), {"lb-1": "a DOWN", "lb-2": None}, DOCUMENTED)
    assert "lines with `DOWN`: at least 1; read lb-1: 1, lb-2: the look failed" in read.words


@pytest.mark.parametrize(
    "fields",
    [
        {"at_least": 1},
        {"lines": "a"},
        {"lines": "a", "number": "(b)", "at_least": 1},
        {"number": "b", "at_least": 1},
        {"number": "(a)(b)(c)", "at_least": 1},
        {"lines": "(", "at_least": 1},
    ],
)
def test_a_predicate_that_says_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        reading(**fields)
