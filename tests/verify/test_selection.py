"""Which checks a run is about."""

import pytest

from scaling_guide.verify.check import Check
from scaling_guide.verify.selection import Selection
from tests.verify.records import make_fact


@pytest.fixture
def relied_on(environment) -> Check:
    return Check(make_fact(), environment.targets["lb"], environment, "drain", "preconditions")


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), True),
        (Selection(checks=frozenset({"retries"})), True),
        (Selection(checks=frozenset({"other"})), False),
        (Selection(topics=frozenset({"load-balancing/configuration"})), True),
        (Selection(topics=frozenset({"load-balancing/algorithms"})), False),
        (Selection(runbooks=frozenset({"drain"})), True),
        (Selection(runbooks=frozenset({"reload"})), False),
        (Selection(systems=frozenset({"haproxy"})), True),
        (Selection(systems=frozenset({"nginx"})), False),
        (Selection(targets=frozenset({"lb"})), True),
        (Selection(targets=frozenset({"app-1"})), False),
        (Selection(before=True), True),
    ],
)
def test_a_check_is_selected_when_every_question_fits(relied_on, selection, chosen):
    assert (relied_on in selection) is chosen


def test_before_leaves_out_what_is_verified_afterwards(environment):
    check = Check(make_fact(), environment.targets["lb"], environment, "drain", "verify")
    assert check not in Selection(before=True)
