"""`guide lab measure` shows the figures, keeps them, and ends with a code that scripts branch on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

from scaling_guide.cli import app, measure
from scaling_guide.lab.layout import LabError
from scaling_guide.lab.measure.result import Result, Spread
from scaling_guide.lab.measure.rig import NotMeasured
from scaling_guide.model.measurements import Measurement
from tests.lab.measure.test_result import RESULT

NAME = "index-or-scan"
ROWS = ("1000", "10000", "100000", "300000")


def figures(index: float, scan: float) -> Result:
    """Figures whose time grows with the rows without the index, and does not with it, by these at the end."""
    spreads = {
        "index": {rows: Spread((index, index, index * 1.5)) for rows in ROWS},
        "scan": {rows: Spread((scan * int(rows) / 300_000,) * 3) for rows in ROWS},
    }
    return replace(RESULT, id=NAME, spreads=spreads)


AS_EXPECTED, NO_GAIN = figures(0.1, 30.0), figures(30.0, 30.0)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """What was written, in place of files."""
    written: list[Result] = []
    monkeypatch.setattr(measure, "write", lambda data, result: written.append(result))
    return written


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, kept: list[Result]) -> Run:
    """The command, with every measurement coming to this outcome."""

    def run(outcome: Result | Exception, *arguments: str, numbers: list[int] | None = None) -> Ended:
        def play(environment: object, record: Measurement, number: int, *others: object) -> Result:
            (numbers if numbers is not None else []).append(number)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(measure, "run", play)
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.chdir(Path(__file__).parents[2])
        return CliRunner().invoke(app, ["lab", "measure", *arguments], env={"SG_LAB": "90"})

    return run


def test_figures_that_are_as_expected_are_0_shown_and_kept(run: Run, kept: list[Result]) -> None:
    ended = run(AS_EXPECTED, NAME)
    assert ended.exit_code == 0
    assert "0.1 (0.1 to 0.15)" in ended.output
    assert kept == [AS_EXPECTED]


def test_figures_that_contradict_what_was_learned_are_1_and_are_kept_as_well(
    run: Run, kept: list[Result]
) -> None:
    ended = run(NO_GAIN, NAME)
    assert ended.exit_code == 1
    assert f"{NAME}: `index[300000] < 0.05 * scan[300000]` does not hold" in ended.output
    assert kept == [NO_GAIN]


@pytest.mark.parametrize("error", [NotMeasured("`pgbench` ended with 1"), LabError("lab 91 is up")])
def test_what_could_not_be_measured_is_10_and_nothing_is_kept(
    run: Run, kept: list[Result], error: Exception
) -> None:
    ended = run(error, NAME)
    assert (ended.exit_code, kept) == (10, [])
    assert f"not measured: {NAME}: {error}" in ended.output


def test_an_unknown_id_is_4_and_nothing_is_begun(run: Run, kept: list[Result]) -> None:
    ended = run(AS_EXPECTED, NAME, "no-such-thing")
    assert (ended.exit_code, kept) == (4, [])
    assert "there is no measurement no-such-thing; there are:" in ended.output


def test_without_an_id_everything_is_measured(run: Run) -> None:
    numbers: list[int] = []
    run(NotMeasured("no"), numbers=numbers)
    assert len(numbers) > 1


@pytest.mark.parametrize(("arguments", "number"), [((), 91), (("--lab", "51"), 51)])
def test_it_never_uses_the_lab_in_use_by_itself(run: Run, arguments: tuple[str, ...], number: int) -> None:
    numbers: list[int] = []
    run(AS_EXPECTED, NAME, *arguments, numbers=numbers)
    assert numbers == [number]


def test_the_list_says_what_there_is_and_what_became_of_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[int] = []
    monkeypatch.setattr(measure, "read", lambda data: {NAME: NO_GAIN})
    ended = run(AS_EXPECTED, "--list", NAME, "n-plus-one", numbers=numbers)
    lines = ended.output.splitlines()
    assert (ended.exit_code, numbers) == (0, [])
    assert any("index-or-scan" in line and "2026-11-24, changed since" in line for line in lines)
    assert "contradicts its text" in ended.output
    assert any("n-plus-one" in line and "never" in line for line in lines)


def test_the_help_says_what_is_run_where_figures_go_and_what_codes_mean(run: Run) -> None:
    help = " ".join(run(AS_EXPECTED, "--help").output.split())
    for words in ("pgbench", "data/measured/measurements", "Exit code 1", "--list"):
        assert words in help
