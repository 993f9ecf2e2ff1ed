"""What a measurement claims is arithmetic over its medians; what claims nothing is refused beforehand."""

from typing import Any

import pytest
from pydantic import ValidationError

from scaling_guide.model.load import examine
from scaling_guide.model.measurements import UNREADABLE, Measurement
from tests.lab.measure.records import RECORD
from tests.model.conftest import TODAY, VARIABLES, Tree, look

BY_NUMBER = {"varied": {"label": "Clients", "values": [1, 8, 64]}, "expect": ["time[64] > 2 * time[1]"]}


def make(**changes: Any) -> Measurement:
    return Measurement.model_validate({**RECORD, **changes})


def test_an_expectation_compares_the_medians_of_named_variants() -> None:
    assert make().contradictions({"time": {"long": 4.0, "short": 2.0}}) == ()
    assert make().contradictions({"time": {"long": 4.0, "short": 5.0}}) == ("time.short < time.long",)


def test_an_expectation_compares_the_medians_at_values() -> None:
    record = make(**BY_NUMBER)
    assert record.contradictions({"time": {"1": 1.0, "8": 1.0, "64": 3.0}}) == ()
    assert record.contradictions({"time": {"1": 1.0, "8": 9.0, "64": 1.5}}) == ("time[64] > 2 * time[1]",)


def test_a_value_that_is_no_whole_number_is_found_as_it_is_written() -> None:
    record = make(varied={"label": "Share", "values": [0.5, 1]}, expect=["time[0.5] < time[1]"])
    assert record.contradictions({"time": {"0.5": 1.0, "1": 2.0}}) == ()


@pytest.mark.parametrize(
    "expectation", ["time.short", "time.shirt < 1", "time.short <", "open('x') == 1", "speed.short > 1"]
)
def test_what_is_no_comparison_of_what_is_measured_is_not_computed(expectation: str) -> None:
    with pytest.raises(UNREADABLE):
        make().holds(expectation, {"time": {"long": 4.0, "short": 2.0}})


@pytest.mark.parametrize(
    ("varied", "reason"),
    [
        ({"label": "x"}, "either"),
        ({"label": "x", "values": [1, 2], "variants": {"a": "A", "b": "B"}}, "either"),
        ({"label": "x", "values": [1]}, "compares nothing"),
        ({"label": "x", "values": [2, 1]}, "must rise"),
        ({"label": "x", "values": [0, 1]}, "greater than 0"),
        ({"label": "x", "unit": "s", "variants": {"a": "A", "b": "B"}}, "no unit"),
        ({"label": "x", "variants": {"a-b": "A", "b": "B"}}, "pattern"),
    ],
)
def test_what_varies_is_a_rising_number_or_two_names_at_least(varied: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        make(varied=varied)


def test_a_measurement_without_an_expectation_is_refused() -> None:
    with pytest.raises(ValidationError):
        make(expect=[])


@pytest.mark.parametrize(
    "change",
    [
        {"varied": {"label": "Way", "variants": {"long": "The long one", "other": "Another"}}},
        {"metrics": {"time": {"label": "Time", "unit": "s", "better": "lower"}}},
        {"repeats": 7},
    ],
    ids=["variants", "unit", "repeats"],
)
def test_the_digest_changes_with_what_is_measured(change: Any) -> None:
    assert make(**change).digest != make().digest


def test_the_digest_does_not_change_with_words_and_bounds() -> None:
    words = {"title": "Other", "learned": "Other.", "expect": ["time.short > time.long"]}
    labels = {"varied": {"label": "Path", "variants": {"long": "Long", "short": "Short"}}}
    assert make(**words, **labels).digest == make().digest


def test_several_problems_of_a_record_are_told_with_their_places(tree: Tree) -> None:
    path = tree() / "measurements" / "ways.yml"
    text = path.read_text("utf-8").replace("better: lower", "better: faster").replace("owner:", "ownr:")
    path.write_text(text.replace("topic: balancing/proxy\n", ""), "utf-8")
    told = {str(each).split(" ")[0].rpartition("ways.yml")[2]: each.code for each in look(path.parents[1])[1]}
    assert told == {":1:1": "MISSING_KEY", ":2:1": "UNKNOWN_KEY", ":9:33": "NOT_ONE_OF"}


def test_a_measurement_is_named_by_its_file_and_is_reviewed_like_everything_else(tree: Tree) -> None:
    directory = tree()
    guide, _ = examine(directory, VARIABLES, TODAY)
    assert guide is not None
    assert guide.measurements["ways"].id == "ways"
    path = directory / "measurements" / "ways.yml"
    path.write_text(path.read_text("utf-8").replace("2026-11-01", "2024-11-01"), "utf-8")
    (problem,) = look(directory)[1]
    assert (problem.code, problem.at.line) == ("REVIEW_OVERDUE", 4)
