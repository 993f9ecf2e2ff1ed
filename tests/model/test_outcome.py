"""What a whole run amounts to."""

import pytest

from scaling_guide.model.outcome import Outcome, exit_code

PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], 5),
        ([PASS], 0),
        ([PASS, Outcome.NOT_APPLICABLE], 0),
        ([PASS, Outcome.WAIVED], 0),
        ([Outcome.NOT_APPLICABLE], 11),
        ([Outcome.WAIVED], 11),
        ([PASS, FAIL], 1),
        ([FAIL, Outcome.UNREACHABLE], 1),
        ([PASS, Outcome.UNREACHABLE], 10),
        ([PASS, Outcome.TIMEOUT], 10),
        ([PASS, Outcome.ERROR], 10),
        ([PASS, Outcome.UNSUPPORTED], 10),
        ([PASS, Outcome.FLAKY], 10),
        ([PASS, Outcome.UNDETERMINED], 10),
        ([Outcome.UNDETERMINED], 10),
    ],
)
def test_the_exit_code_of_a_run_is_its_worst_news(outcomes, code):
    assert exit_code(outcomes) == code


def test_before_an_action_a_waived_drift_is_drift():
    assert exit_code([PASS, Outcome.WAIVED], before=True) == 1
