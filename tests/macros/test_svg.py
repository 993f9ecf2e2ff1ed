import pytest
from bs4 import BeautifulSoup

from macros.svg import LOOKS, look, stacked, topology
from scaling_guide.model.outcome import Outcome

WIDTH_OF_A_PHONE = 358


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_look_of_its_own(outcome: Outcome) -> None:
    assert outcome in LOOKS


def test_outcomes_are_told_apart_by_more_than_their_colour() -> None:
    marks = {outcome: look(outcome).mark for outcome in (Outcome.PASS, Outcome.FAIL, Outcome.UNREACHABLE)}
    assert len(set(marks.values())) == len(marks)


@pytest.mark.parametrize(("zones", "replicas"), [(1, 3), (2, 21), (3, 150)])
def test_a_topology_draws_every_replica_and_fits_a_phone(zones: int, replicas: int) -> None:
    drawing = BeautifulSoup(topology("t", zones, zones, replicas), "html.parser").svg
    assert len(drawing.select(".sg-svg--back")) == replicas
    assert int(drawing["width"]) <= WIDTH_OF_A_PHONE + 2


def test_a_topology_escapes_its_title() -> None:
    assert '"><b>' not in topology('"><b>', 1, 1, 1)


def test_a_bar_draws_no_part_of_nothing() -> None:
    bar = BeautifulSoup(stacked("t", [("a", 3, "good"), ("b", 0, "bad"), ("c", 1, "warn")]), "html.parser")
    assert [part.title.get_text() for part in bar.find_all("rect")] == ["3 a", "1 c"]


def test_the_parts_of_a_bar_fill_it_in_proportion() -> None:
    first, second = BeautifulSoup(stacked("t", [("a", 3, "good"), ("c", 1, "warn")]), "html.parser").find_all(
        "rect"
    )
    assert (float(first["x"]), float(second["x"])) == (0, 480)
