from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from macros.reports import Mutant, Proof, latest, proof, runs, states
from tests.macros.small_guide import make_check, make_guide, make_mutant, write_proof, write_run

FACT = make_guide().facts["nginx-worker-connections"]
OTHER = make_guide().facts["nginx-read-timeout"]
LATER = "2026-11-25T08:00:00+00:00"


def test_no_run_is_no_state(tmp_path: Path) -> None:
    assert states(runs(tmp_path), FACT) == ()


def test_a_state_counts_the_outcomes_of_all_targets(tmp_path: Path) -> None:
    write_run(tmp_path, [make_check(FACT, "pass", "a"), make_check(FACT, "fail", "b"), make_check(OTHER)])
    (state,) = states(runs(tmp_path), FACT)
    assert (state.environment, state.outcomes, state.targets) == ("lab", {"pass": 1, "fail": 1}, 2)
    assert state.seen == datetime(2026, 11, 24, 5, 32, 11, tzinfo=UTC)


def test_the_later_run_counts(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [make_check(FACT, "pass")], finished=LATER)
    write_run(tmp_path / "b", [make_check(FACT, "fail")])
    (state,) = states(runs(tmp_path), FACT)
    assert state.outcomes == {"pass": 1}
    assert latest(runs(tmp_path))["lab"].finished.isoformat() == LATER


def test_a_later_run_of_other_checks_does_not_hide_what_was_seen(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [make_check(FACT, "fail")])
    write_run(tmp_path / "b", [make_check(OTHER)], finished=LATER)
    (state,) = states(runs(tmp_path), FACT)
    assert state.outcomes == {"fail": 1}


def test_environments_are_kept_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [make_check(FACT, "pass")])
    write_run(tmp_path / "b", [make_check(FACT, "fail")], environment="staging")
    assert [state.environment for state in states(runs(tmp_path), FACT)] == ["lab", "staging"]


def test_a_record_that_claims_something_else_now_has_changed(tmp_path: Path) -> None:
    write_run(tmp_path, [make_check(FACT), make_check(OTHER, digest="of an older record")])
    assert not states(runs(tmp_path), FACT)[0].changed
    assert states(runs(tmp_path), OTHER)[0].changed


def test_a_check_that_was_never_observed_has_no_time(tmp_path: Path) -> None:
    write_run(tmp_path, [make_check(FACT, "unreachable", observed_at=None, found=None)])
    assert states(runs(tmp_path), FACT)[0].seen is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"environment": "lab"}'])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=r"results\.json is not a report"):
        runs(tmp_path)


def test_an_outcome_nobody_knows_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path, [make_check(FACT, "probably")])
    with pytest.raises(ValueError, match="probably"):
        runs(tmp_path)


def test_no_proof_run_is_unknown_and_not_empty(tmp_path: Path) -> None:
    assert proof(tmp_path / "kill-matrix.json") is None


def matrix(tmp_path: Path, checks: dict[str, list[dict[str, Any]]]) -> Proof:
    write_proof(tmp_path / "kill-matrix.json", checks)
    found = proof(tmp_path / "kill-matrix.json")
    assert found is not None
    return found


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
