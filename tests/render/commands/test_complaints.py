"""A command that a reader would not get is a problem of the data, at its line."""

from typing import Any

import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.render.commands.complaints import problems
from tests.render.commands.conftest import GUIDE, step

DRAIN = GUIDE.runbooks["drain-and-replace-backend"]


def found(**changes: Any) -> tuple[Problem, ...]:
    """What is wrong with one runbook, changed so."""
    runbook = DRAIN.model_copy(update=changes)
    runbook._id = DRAIN.id
    places = {"production": GUIDE.environments["production"]}
    guide = GUIDE.model_copy(update={"runbooks": {DRAIN.id: runbook}, "environments": places})
    assert isinstance(guide, Guide)
    return problems(guide)


def mitigating(*steps: Any) -> tuple[Problem, ...]:
    return found(mitigate=DRAIN.mitigate.model_copy(update={"steps": steps}))


def test_the_data_has_none() -> None:
    assert problems(GUIDE) == ()


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("paint {{ colour }}", "'colour' is undefined"),
        ("{{ command('fly', target='app-1') }}", "no command `fly`"),
        ("{{ documented('no-such-fact') }}", "no-such-fact"),
        ("{% if %}", "Expected an expression"),
        ("{{ postgres_test(pooler.nothing) }}", "nothing"),
        ("{{ as_owner() }}", "argument"),
    ],
)
def test_a_command_that_cannot_be_rendered_is_told_with_the_place(run: str, says: str) -> None:
    (problem,) = mitigating(step(run))
    assert problem.code == "COMMAND_BROKEN"
    assert says in problem.message
    assert "production" in problem.message


def test_a_wait_and_a_look_are_commands_too() -> None:
    assert len(mitigating(step("true", wait="{{ colour }}", wait_at_most="1s"))) == 1
    look = DRAIN.confirm[0].model_copy(update={"run": "{{ colour }}"})
    assert {each.code for each in found(confirm=(look,))} == {"COMMAND_BROKEN"}


def test_a_role_that_nobody_has_would_make_a_step_vanish() -> None:
    (problem,) = mitigating(step("true", "postgres", role="primry"))
    assert problem.code == "UNKNOWN_ROLE"
    assert "primary" in problem.repair
