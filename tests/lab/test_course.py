"""A scenario is held against what it promises, and one that promises nothing only shows."""

from typing import Any

import pytest

from scaling_guide.lab.course import GREEN_ALL_THE_SAME, Course, problems
from scaling_guide.model.rehearsals import Seen
from scaling_guide.model.runbooks import Scenario

SYSTEMS = {"nginx": "nginx", "haproxy": "haproxy"}


def a_seen(lost: int = 0, after: int = 0, twice: int = 0) -> Seen:
    return Seen(100, 100 - lost, {"http 502": lost} if lost else {}, after, None, {}, 0, twice)


def a_course(**changes: Any) -> Course:
    return Course(
        **{
            "seen": {"nginx": a_seen()},
            "acts": (),
            "unmet": {},
            "differences": None,
            "outlasted": False,
            "versions": {},
            **changes,
        }
    )


def found(course: Course, **promise: Any) -> tuple[str, ...]:
    return problems(Scenario(title="A scenario", **promise), course, SYSTEMS)


@pytest.mark.parametrize(("lost", "is_good"), [(0, True), (2, True), (3, False)])
def test_as_much_as_allowed_may_be_lost(lost: int, is_good: bool) -> None:
    course = a_course(seen={"nginx": a_seen(lost)})
    assert found(course, lost_at_most=2) == (
        () if is_good else ("nginx lost 3 of 100 in all, at most 2 may be",)
    )


def test_each_system_has_its_own_bound() -> None:
    course = a_course(seen={"nginx": a_seen(3), "haproxy": a_seen(3)})
    assert found(course, lost_at_most={"nginx": 3, "haproxy": 0}) == (
        "haproxy lost 3 of 100 in all, at most 0 may be",
    )


def test_losses_after_the_mitigation_have_a_bound_of_their_own() -> None:
    course = a_course(seen={"nginx": a_seen(50, after=1)})
    assert found(course, lost_after_at_most=0) == (
        "nginx lost 1 of 100 after the mitigation, at most 0 may be",
    )


def test_no_order_may_be_executed_twice() -> None:
    assert found(a_course(seen={"nginx": a_seen(twice=2)}), lost_at_most=0) == (
        "nginx: 2 orders were executed twice",
    )


def test_checks_and_commands_that_failed_are_problems() -> None:
    assert found(a_course(unmet={"verify": ("app-ready@app-1 fail",)}), lost_at_most=0) == (
        "verify: app-ready@app-1 fail",
    )


def test_a_roll_back_that_leaves_something_is_a_problem() -> None:
    course = a_course(differences=("nginx: nginx.conf: was a, is b",))
    assert found(course, lost_at_most=0) == ("not rolled back: nginx: nginx.conf: was a, is b",)


def test_a_load_that_ended_first_is_a_problem() -> None:
    assert found(a_course(outlasted=True), lost_at_most=0) == ("the load was over before the commands were",)


def test_a_scenario_without_a_bound_only_shows() -> None:
    course = a_course(
        seen={"nginx": a_seen(99, after=99, twice=9)}, unmet={"verify": ("red",)}, differences=("a",)
    )
    assert found(course) == ()


def test_a_check_that_should_be_red_is_a_problem_also_where_nothing_is_promised() -> None:
    green = f"haproxy-servers-up {GREEN_ALL_THE_SAME}"
    assert found(a_course(unmet={"verify": (green, "another is red")})) == (f"verify: {green}",)
