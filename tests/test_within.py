"""`--within` begins no test after its time, and says so; what ran counts as ever."""

from pathlib import Path

import pytest

WITHIN = (Path(__file__).parent / "within.py").read_text("utf-8")
TESTS = "import time\ndef test_first(): time.sleep(0.2)\ndef test_second(): assert False\n"


@pytest.mark.parametrize(
    ("within", "passed", "failed"), [("0.1", 1, 0), ("60", 1, 1)], ids=["too short", "long enough"]
)
def test_no_test_begins_after_its_time(
    pytester: pytest.Pytester, within: str, passed: int, failed: int
) -> None:
    pytester.makeconftest(WITHIN)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(f"--within={within}")
    result.assert_outcomes(passed=passed, failed=failed)
    left_out = [line for line in result.outlines if line == f"1 tests were left out after {within} s"]
    assert len(left_out) == 1 - failed
