"""`guide lab rehearse` says what was lost, keeps the figures, and ends with a code that scripts branch on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scaling_guide.cli import app, rehearse
from scaling_guide.lab.rehearsal import NotRehearsed
from scaling_guide.model.rehearsals import Measured, Played, Seen

NAME = "backend-killed"
LOST = Seen(2700, 1749, {"http 503": 951}, 950, (1.2, 6.2), {"p50": 21.0}, 3, executed_twice=2)
PLAYED = Played("Bare", "GET", "abc", False, {"haproxy": LOST}, (), {}, None, ())
KEPT = Played(
    "As documented", "GET", "abc", True, {"nginx": Seen(10, 10, {}, 0, None, {}, 0)}, (), {}, None, ()
)


def a_measured(**changes: Any) -> Measured:
    scenarios = {"documented": replace(KEPT, **changes), "bare": PLAYED}
    return Measured(NAME, "abc", date(2026, 11, 24), "medium", 2, {}, 200, scenarios)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Measured]:
    """What was written, in place of files."""
    written: list[Measured] = []
    monkeypatch.setattr(rehearse, "write", lambda data, measured: written.append(measured))
    return written


def run(monkeypatch: pytest.MonkeyPatch, outcome: Measured | Exception, *arguments: str) -> Result:
    """The command, with every rehearsal coming to this outcome."""

    def play(*asked: object) -> Measured:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return command(monkeypatch, play, *arguments)


def command(monkeypatch: pytest.MonkeyPatch, play: Callable[..., Measured], *arguments: str) -> Result:
    monkeypatch.setattr(rehearse, "play", play)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(Path(__file__).parents[2])
    return CliRunner().invoke(app, ["lab", "rehearse", *arguments], env={"SG_LAB": "90"})


def test_a_rehearsal_as_documented_is_0_and_its_figures_are_kept(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured]
) -> None:
    result = run(monkeypatch, a_measured(), NAME)
    assert result.exit_code == 0
    assert "0 of 10" in result.output
    assert "951 of 2,700, 2 executed twice" in result.output
    assert kept == [a_measured()]


def test_one_that_is_not_as_documented_is_1_and_is_kept_as_well(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured]
) -> None:
    bad = a_measured(problems=("nginx lost 9 of 10 in all, at most 0 may be",))
    result = run(monkeypatch, bad, NAME)
    assert result.exit_code == 1
    assert f"{NAME}: documented: nginx lost 9 of 10 in all, at most 0 may be" in result.output
    assert kept == [bad]


def test_one_that_could_not_be_rehearsed_is_10_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured]
) -> None:
    result = run(monkeypatch, NotRehearsed("it has a step that cannot be undone"), NAME)
    assert result.exit_code == 10
    assert kept == []


def test_an_unknown_name_is_4_and_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured]
) -> None:
    result = run(monkeypatch, a_measured(), NAME, "no-such-runbook")
    assert (result.exit_code, kept) == (4, [])


def test_without_a_name_everything_is_rehearsed(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured]
) -> None:
    run(monkeypatch, a_measured())
    assert len(kept) > 1


@pytest.mark.parametrize(("arguments", "number"), [((), 91), (("--lab", "51"), 51)])
def test_it_never_uses_the_lab_in_use_by_itself(
    monkeypatch: pytest.MonkeyPatch, kept: list[Measured], arguments: tuple[str, ...], number: int
) -> None:
    numbers = []

    def play(guide: object, environment: object, procedure: object, number: int, *others: object) -> Measured:
        numbers.append(number)
        return a_measured()

    command(monkeypatch, play, NAME, *arguments)
    assert numbers == [number]
