"""`guide lab mutate` writes what was shown, says what was not, and ends with a code to branch on."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scaling_guide.cli import app, mutate
from scaling_guide.lab.proof.bench import DidNotLand
from scaling_guide.lab.proof.matrix import Kill, Proof

CHECK = "haproxy-retries"
GOOD = Kill("retries = 0", "haproxy", frozenset({CHECK}), True, red=frozenset({CHECK}), restored=True)


def a_proof(*kills: Kill, part: tuple[str, ...] = ("haproxy",)) -> Proof:
    # of a part nobody misses the lines that the rest of the guide argues
    return Proof(
        (f"{CHECK}@haproxy",),
        kills,
        (),
        (),
        "2026-11-24T05:00:00Z",
        "2026-11-24T05:03:00Z",
        12.0,
        True,
        part=part,
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """The command, with this in place of the proof run."""

    def command(prove: Callable[..., Awaitable[Proof]], *arguments: str) -> Result:
        monkeypatch.setattr(mutate, "prove", prove)
        monkeypatch.chdir(Path(__file__).parents[2])
        words = ["lab", "mutate", "--out", str(tmp_path), *arguments]
        return CliRunner().invoke(app, words, env={"SG_LAB": "90", "COLUMNS": "120"})

    return command


def coming_to(outcome: Proof | Exception, asked: list[Any] | None = None) -> Callable[..., Awaitable[Proof]]:
    """A proof run that comes to this, and notes what it was asked for."""

    async def prove(*words: Any) -> Proof:
        if asked is not None:
            asked.extend(words)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return prove


def written(tmp_path: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}


def test_a_proof_that_holds_is_0_and_kept(run, tmp_path: Path) -> None:
    result = run(coming_to(a_proof(GOOD)), "--target", "haproxy")
    assert result.exit_code == 0
    assert "1 of 1 checks of haproxy alone proven, 1 of 1 mutants killed, 12 s" in result.output
    assert written(tmp_path)["kill-matrix-part.json"]["part"] == ["haproxy"]


def test_a_part_does_not_take_the_place_of_the_whole(run, tmp_path: Path) -> None:
    run(coming_to(a_proof(GOOD, part=())))
    run(coming_to(a_proof()), "--target", "haproxy")
    totals = {name: document["totals"]["killed"] for name, document in written(tmp_path).items()}
    assert totals == {"kill-matrix.json": 1, "kill-matrix-part.json": 0}


def test_a_check_that_is_not_proven_is_1_and_named(run) -> None:
    result = run(coming_to(a_proof()), "--target", "haproxy")
    assert result.exit_code == 1
    assert f"{CHECK}@haproxy: no mutant" in result.output


def test_a_lab_that_is_not_green_is_10(run, tmp_path: Path) -> None:
    result = run(coming_to(DidNotLand("the lab is not green to begin with")))
    assert (result.exit_code, written(tmp_path)) == (10, {})
    assert "error: the lab is not green" in result.output


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        ((), set()),
        (("--target", "nginx"), {"nginx"}),
        (("--system", "app", "--target", "nginx"), {"nginx", "app-1", "app-2", "app-3"}),
        (("--system", "memcached", "--system", "haproxy"), {"memcached", "haproxy"}),
    ],
)
def test_a_part_is_chosen_by_systems_and_targets(run, arguments: tuple[str, ...], targets: set[str]) -> None:
    asked: list[Any] = []
    run(coming_to(a_proof(GOOD), asked), *arguments)
    assert asked[-2:] == [False, targets]


def test_each_is_passed_on(run) -> None:
    asked: list[Any] = []
    run(coming_to(a_proof(GOOD), asked), "--each")
    assert asked[-2:] == [True, set()]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--target", "nowhere"), "there is no target nowhere"),
        (("--system", "none"), "there is no system none"),
    ],
)
def test_a_name_that_is_not_there_is_4(run, arguments: tuple[str, ...], told: str) -> None:
    result = run(coming_to(a_proof(GOOD)), *arguments)
    assert result.exit_code == 4
    assert told in result.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_130_once_all_is_mended(run, tmp_path: Path, number: int) -> None:
    mended: list[str] = []

    async def interrupted(*words: Any) -> Proof:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(5)
        finally:
            # one more does not keep it from being mended
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
            mended.append("all")
        raise AssertionError

    result = run(interrupted)
    assert (result.exit_code, written(tmp_path), mended) == (130, {}, ["all"])
    assert result.output.count("interrupted; mending what is broken") == 1
