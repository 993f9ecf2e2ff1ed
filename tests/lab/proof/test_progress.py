"""What is told of a proof while it runs: what needs a reader, and how far it is."""

from dataclasses import replace

import pytest

from scaling_guide.lab.proof.matrix import Kill
from scaling_guide.lab.proof.progress import Progress

GOOD = Kill("a = 1", "toy", frozenset("a"), True, red=frozenset("a"), restored=True, seconds=0.25, together=3)


def told(kill: Kill, verbose: bool = False) -> list[str]:
    said: list[str] = []
    Progress(said.append, verbose=verbose).kill(kill)
    return said


def test_a_mutant_that_is_killed_needs_no_line_unless_it_is_wanted() -> None:
    assert told(GOOD) == []
    assert told(GOOD, verbose=True) == ["toy: a = 1: killed (0.25 s, in 3 configurations)"]
    assert told(replace(GOOD, together=0), verbose=True) == ["toy: a = 1: killed (0.25 s)"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"red": frozenset("ab")}, "NOT EXACTLY (a, b)"),
        ({"red": frozenset()}, "NOT EXACTLY (nothing went red)"),
        ({"landed": False, "red": frozenset(), "reason": "refused"}, "NOT LANDED (refused)"),
    ],
)
def test_a_mutant_that_is_not_is_told_at_once(changes, line: str) -> None:
    assert told(replace(GOOD, **changes)) == [f"toy: a = 1: {line}"]


def test_every_step_is_counted() -> None:
    shown: list[tuple[int, int]] = []
    progress = Progress(print, lambda done, total: shown.append((done, total)))
    progress.begin(3)
    progress.step()
    progress.kill(GOOD)
    assert shown == [(0, 3), (1, 3), (2, 3)]


def test_a_target_that_is_done_has_a_line() -> None:
    said: list[str] = []
    Progress(said.append).target("toy", [GOOD, replace(GOOD, restored=False)], [], 12.4)
    assert said == ["toy: 1 of 2 mutants killed, 0 lines, 12 s"]
