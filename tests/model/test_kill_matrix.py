"""A fact is proven where each of its checks was turned red by a mutant, and by it alone."""

from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.kill_matrix import KillMatrix, Mutant
from tests.macros.small_guide import make_mutant, write_proof


def matrix(tmp_path: Path, checks: dict[str, list[dict[str, Any]]]) -> KillMatrix:
    write_proof(tmp_path / "kill-matrix.json", checks)
    return KillMatrix.read(tmp_path / "kill-matrix.json")


def test_the_mutants_of_a_fact_are_those_of_its_checks_on_all_targets(tmp_path: Path) -> None:
    found = matrix(tmp_path, {"a@nginx": [make_mutant()], "a@haproxy": [], "ab@nginx": []})
    assert list(found.of("a")) == ["a@nginx", "a@haproxy"]


def test_a_fact_is_proven_where_each_of_its_checks_was_turned_red(tmp_path: Path) -> None:
    lived = make_mutant(only=False)
    checks = {
        "a@nginx": [lived, make_mutant()],
        "b@nginx": [make_mutant()],
        "b@haproxy": [lived],
        "c@nginx": [],
    }
    found = matrix(tmp_path, checks)
    assert [found.proves(fact) for fact in ("a", "b", "c", "absent")] == [True, False, False, False]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "killed"),
        ({"landed": False, "reason": "refused"}, "did not land: refused"),
        ({"red": False}, "no check went red"),
        ({"only": False}, "not exactly its checks went red"),
        ({"restored": False}, "still red after it was mended"),
    ],
)
def test_a_mutant_is_killed_only_where_all_four_hold(changes: dict[str, Any], verdict: str) -> None:
    mutant = Mutant(**make_mutant(**changes))
    assert mutant.verdict == verdict
    assert mutant.killed == (verdict == "killed")
