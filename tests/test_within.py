"""`--within` begins no test after its time, and says so; what ran counts as ever."""

from pathlib import Path

import pytest

# a clock that the tests inside move
WITHIN = (
    (Path(__file__).parent / "within.py")
    .read_text("utf-8")
    .replace("time.monotonic()", 'float(os.environ["SG_TEST_CLOCK"])')
    .replace("import time\n", "import os\n")
)
TESTS = """
import os
def test_first(): os.environ["SG_TEST_CLOCK"] = "30"
def test_second(): assert False
"""


@pytest.mark.parametrize(("within", "failed"), [(20, 0), (40, 1)], ids=["too short", "long enough"])
def test_no_test_begins_after_its_time(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, within: int, failed: int
) -> None:
    monkeypatch.setenv("SG_TEST_CLOCK", "0")
    pytester.makeconftest(WITHIN)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_inprocess(f"--within={within}")
    result.assert_outcomes(passed=1, failed=failed)
    left_out = [line for line in result.outlines if line == f"1 tests were left out after {within} s"]
    assert len(left_out) == 1 - failed
