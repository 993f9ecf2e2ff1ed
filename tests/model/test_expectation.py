"""An expectation is met by what was found and by nothing else: never by finding nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_guide.model.expectation import ABSENT, Expectation, Operator, Undetermined, find
from scaling_guide.model.units import Unit

COUNT, BYTES, DURATION, BOOLEAN, TEXT = Unit.COUNT, Unit.BYTES, Unit.DURATION, Unit.BOOLEAN, Unit.TEXT


def met(operator: str, value: Any, found: Any, unit: Unit = TEXT) -> bool:
    return Expectation(Operator(operator), value, unit).judge({"setting": found}, "setting").met


@pytest.mark.parametrize(
    ("operator", "value", "unit", "good", "bad"),
    [
        (
            "equals",
            "30s",
            DURATION,
            ["30s", "30000ms", 30, "0m30s"],
            ["31s", "30m", "auto"],
        ),
        ("equals", "off", BOOLEAN, ["off", "no", False, 0], ["on", "auto", True]),
        ("equals", "600", TEXT, ["600", 600], ["0600", "640"]),
        ("equals", ["a", "b"], TEXT, [["a", "b"]], [["b", "a"], ["a"], "a"]),
        ("at_least", 4096, COUNT, [4096, "4096", 65536], [4095, "4095", "many", [5000, 6000]]),
        ("at_least", "1m", BYTES, ["1m", "1024k", "1g"], ["1023k", "1s"]),
        ("at_most", "2s", DURATION, ["2s", "2000ms", "1ms", 0], ["2001ms", "1m", "2k"]),
        ("between", ["1h", "1d"], DURATION, ["1h", "24h", "60m"], ["59m", "25h", "5"]),
        ("one_of", ["least_conn", "random"], TEXT, ["random"], ["ip_hash", ["random"]]),
        ("set_equals", ["a", "b"], TEXT, [["b", "a"], ["a", "b", "a"]], [["a"], ["a", "b", "c"], "a b"]),
        ("set_equals", "a", TEXT, ["a", ["a"]], [["b"]]),
        ("contains", ["a", "b"], TEXT, [["c", "b", "a"]], [["a"], "a"]),
        (
            "matches",
            "app-[0-9]+",
            TEXT,
            ["app-1", ["app-1", "app-22"]],
            ["app-x", "my app-1", ["app-1", "x"]],
        ),
    ],
)
def test_an_operator_tells_good_from_bad(
    operator: str, value: Any, unit: Unit, good: list[Any], bad: list[Any]
) -> None:
    assert [found for found in good if not met(operator, value, found, unit)] == []
    assert [found for found in bad if met(operator, value, found, unit)] == []


EVERY = [
    Expectation(operator, ["", "x"] if operator is Operator.BETWEEN else value, unit)
    for operator in Operator
    for value in ("", "x", 0, [], ["x"], ".*", None)
    for unit in Unit
]


@pytest.mark.parametrize("nothing", [None, "", [], (), [None], [""], ["", None]], ids=repr)
def test_nothing_found_is_never_green(nothing: Any) -> None:
    green = [expectation for expectation in EVERY if expectation.judge({"a > b": nothing}, "a > b").met]
    assert green == []
    assert [expectation for expectation in EVERY if expectation.judge({}, "a > b").met] == []
    assert [expectation for expectation in EVERY if expectation.judge({"a > b": nothing}, "a > *").met] == []


SCALAR = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
FOUND = SCALAR | st.lists(SCALAR, max_size=3)
VALUE = FOUND | st.lists(SCALAR, min_size=2, max_size=2)


@given(
    st.sampled_from([op for op in Operator if op is not Operator.MATCHES]),
    VALUE,
    st.sampled_from(Unit),
    FOUND,
)
def test_any_answer_ends_in_a_verdict(operator: Operator, value: Any, unit: Unit, found: Any) -> None:
    expectation = Expectation(operator, value, unit)
    assert expectation.judge({"s": found}, "s") == expectation.judge({"s": found}, "s")
    assert isinstance(expectation.judge({"s": found}, "s").found, str)


SERVERS = {
    "backend app > server app-1 > weight": 100,
    "backend app > server app-2 > weight": 100,
    "backend app > server app-1 > address": "10.0.0.1",
    "backend app > server app-2 > address": "10.0.0.2",
    "backend app > servers": ["app-1", "app-2"],
    "backend other > server app-9 > weight": 1,
}
WEIGHT = "backend app > server * > weight"


def weight(**changes: Any) -> Any:
    expectation = Expectation(Operator.EQUALS, 100, COUNT)
    values = {
        **SERVERS,
        **{f"backend app > server {name} > weight": value for name, value in changes.items()},
    }
    return expectation.judge({name: value for name, value in values.items() if value != "gone"}, WEIGHT)


def test_a_star_needs_every_match_to_meet_the_expectation() -> None:
    assert weight().met
    assert not weight(**{"app-2": 50}).met


def test_a_star_needs_at_least_one_match() -> None:
    verdict = weight(**{"app-1": "gone", "app-2": "gone"})
    nobody = Expectation(Operator.EQUALS, 100, COUNT).judge({"other": 1}, WEIGHT)
    assert not verdict.met
    assert (nobody.met, nobody.found) == (False, ABSENT)


def test_a_server_that_lacks_the_setting_does_not_meet_it() -> None:
    verdict = weight(**{"app-2": "gone"})
    assert not verdict.met
    assert verdict.found == ABSENT


def test_a_bare_star_asks_only_those_that_have_the_setting() -> None:
    values = {"stat > app > app-1 > status": "UP", "stat > app > BACKEND > algo": "leastconn"}
    assert Expectation(Operator.EQUALS, "UP").judge(values, "stat > app > * > status").met


def test_the_verdict_names_the_matches_that_are_wrong_and_no_others() -> None:
    assert weight(**{"app-1": 1, "app-3": 50}).found == "app-1 1, app-3 50"
    assert weight(**{"app-1": 1}).found == "1"
    assert weight().found == "100"


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("backend app > server app-1 > weight", {"backend app > server app-1 > weight": 100}),
        ("backend app > server * > weight", {"app-1": 100, "app-2": 100}),
        ("backend * > server * > weight", {"app > app-1": 100, "app > app-2": 100, "other > app-9": 1}),
        ("backend app > *", {"servers": ["app-1", "app-2"]}),
        ("backend app > server *", {}),
        ("* > weight", {}),
        ("backend app > server app.1 > weight", {}),
        ("nobody", {}),
    ],
)
def test_a_star_stands_for_any_name_within_one_segment(setting: str, found: dict[str, Any]) -> None:
    assert find(SERVERS, setting) == found


def test_two_stars_never_fold_two_matches_into_one() -> None:
    values = {"a b > c > x": 1, "a > b c > x": 2}
    assert sorted(find(values, "* > * > x").values()) == [1, 2]


FEW, NONE = Undetermined("3 keys, 50 are needed"), Undetermined("there is no key", empty=True)


@pytest.mark.parametrize("unknown", [FEW, NONE], ids=lambda each: each.because)
def test_what_cannot_be_determined_is_neither_met_nor_wrong(unknown: Undetermined) -> None:
    verdict = Expectation(Operator.AT_MOST, 0, COUNT).judge({"keys > late": unknown}, "keys > late")
    assert (verdict.met, verdict.undetermined) == (False, unknown.because)


def test_an_empty_population_meets_an_expectation_that_allows_it() -> None:
    expectation = Expectation(Operator.AT_MOST, 0, COUNT, empty_meets=True)
    verdict = expectation.judge({"keys > late": NONE}, "keys > late")
    assert (verdict.met, verdict.found, verdict.undetermined) == (True, "there is no key", None)
    assert not expectation.judge({"keys > late": FEW}, "keys > late").met


def test_one_wrong_value_outweighs_what_cannot_be_determined() -> None:
    verdict = weight(**{"app-1": FEW, "app-2": 50})
    assert (verdict.met, verdict.found, verdict.undetermined) == (False, "50", None)
    assert weight(**{"app-1": FEW}).undetermined == "3 keys, 50 are needed"


@pytest.mark.parametrize(
    ("operator", "value", "unit", "words"),
    [
        ("equals", "30s", DURATION, "30 s"),
        ("at_least", 4096, COUNT, "at least 4,096"),
        ("at_most", "64k", BYTES, "at most 64 KiB"),
        ("between", [2, 5], COUNT, "between 2 and 5"),
        ("one_of", ["a", "b"], TEXT, "one of a, b"),
        ("set_equals", ["a", "b"], TEXT, "exactly the set a, b"),
        ("contains", ["a"], TEXT, "including a"),
        ("matches", "a+", TEXT, "matching a+"),
    ],
)
def test_an_expectation_reads_as_part_of_a_sentence(
    operator: str, value: Any, unit: Unit, words: str
) -> None:
    assert Expectation(Operator(operator), value, unit).words() == words


def test_what_was_found_is_told_in_the_words_of_the_unit() -> None:
    assert Expectation(Operator.AT_LEAST, "1m", BYTES).judge({"s": "64k"}, "s").found == "64 KiB"
    assert Expectation(Operator.CONTAINS, ["a"]).judge({"s": ["b", "c"]}, "s").found == "b, c"
    assert Expectation(Operator.CONTAINS, ["a"]).judge({"s": []}, "s").found == "an empty list"
    assert Expectation(Operator.EQUALS, "a").judge({"s": None}, "s").found == ABSENT
