"""A skipped test fails the run, with the reason."""

from pathlib import Path

import pytest

CONFTEST = (Path(__file__).parent / "conftest.py").read_text("utf-8")
PASSING = "def test_passes(): pass\n"
SKIPPING = "import pytest\ndef test_looks(): pytest.skip('no nginx here')\n"
SKIPPING_ALL = "import pytest\npytest.skip('no nginx here', allow_module_level=True)\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_fails(): assert False\n"


@pytest.fixture
def run(pytester: pytest.Pytester):
    def outcome(source: str, *options: str) -> pytest.RunResult:
        # pytest takes plugins from the outermost conftest only, and this one is copied
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(test_passing=PASSING, test_other=source)
        return pytester.runpytest_inprocess(*options)

    return outcome


@pytest.mark.parametrize("source", [SKIPPING, SKIPPING_ALL], ids=["test", "module"])
def test_a_skip_fails_the_run(run, source: str) -> None:
    result = run(source)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_other.py*no nginx here*", "A skipped test fails the run*"])


@pytest.mark.parametrize("source", [PASSING, EXPECTED_FAILURE], ids=["pass", "xfail"])
def test_a_run_without_skips_passes(run, source: str) -> None:
    result = run(source)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("A skipped test*")


def test_a_failure_stays_a_failure(run) -> None:
    assert run(SKIPPING + "def test_fails(): assert False\n").ret == pytest.ExitCode.TESTS_FAILED


def test_a_skip_fails_a_run_in_parallel(run) -> None:
    result = run(SKIPPING, "-n1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["A skipped test fails the run*"])
