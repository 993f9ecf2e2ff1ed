"""Reports are read back as they were published, and what is none is named."""

from pathlib import Path

import pytest

from scaling_guide.model.outcome import Outcome
from scaling_guide.render.reports import kill_matrix, latest_run, runs
from tests.macros.small_guide import make_check, make_guide, write_proof, write_run

FACT = make_guide().facts["nginx-worker-connections"]
OTHER = make_guide().facts["nginx-read-timeout"]
EARLY, LATE = "2026-11-24T05:00:00Z", "2026-11-24T06:00:00Z"


def test_the_newest_run_of_an_environment_is_found_wherever_it_was_left(tmp_path: Path) -> None:
    write_run(tmp_path / "verify", [make_check(FACT, "fail")], finished=EARLY)
    write_run(tmp_path / "verify" / "later", [make_check(FACT)], finished=LATE)
    write_run(tmp_path / "verify" / "other", [], environment="production", finished="2026-11-25T00:00:00Z")
    run = latest_run(tmp_path, "lab")
    assert run is not None
    assert (run.exit_code, run.finished) == (0, LATE)
    assert runs(tmp_path).keys() == {"lab", "production"}


def test_a_later_run_of_other_checks_does_not_hide_what_was_seen(tmp_path: Path) -> None:
    write_run(tmp_path / "verify" / "a", [make_check(FACT, "fail")], finished=EARLY)
    write_run(tmp_path / "verify" / "b", [make_check(OTHER)], finished=LATE)
    outcomes = {result.id: result.outcome for result in runs(tmp_path)["lab"].results}
    assert outcomes == {FACT.id: Outcome.FAIL, OTHER.id: Outcome.PASS}


def test_a_later_whole_run_replaces_all_before_it(tmp_path: Path) -> None:
    write_run(tmp_path / "verify" / "a", [make_check(FACT, "fail")], finished=EARLY)
    write_run(tmp_path / "verify" / "b", [make_check(OTHER)], finished=LATE, whole=True)
    assert [result.id for result in runs(tmp_path)["lab"].results] == [OTHER.id]


def test_an_exit_code_is_that_of_the_results_and_not_what_a_file_says(tmp_path: Path) -> None:
    write_run(tmp_path / "verify", [make_check(FACT, "fail")], exit_code=0, counts={"pass": 1})
    run = runs(tmp_path)["lab"]
    assert (run.exit_code, run.counts) == (1, {"fail": 1})


def test_what_was_never_run_is_none(tmp_path: Path) -> None:
    assert latest_run(tmp_path, "lab") is None
    assert kill_matrix(tmp_path) is None


def test_the_kill_matrix_is_found(tmp_path: Path) -> None:
    write_proof(tmp_path / "proof" / "kill-matrix.json", {"a@nginx": []})
    matrix = kill_matrix(tmp_path)
    assert matrix is not None
    assert [check.id for check in matrix.checks] == ["a@nginx"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "EOF"), ("{", "EOF"), ("[]", "an object"), ("{}", "Field required"), ("null", "an object")],
)
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str, why: str) -> None:
    for path in (tmp_path / "verify" / "results.json", tmp_path / "proof" / "kill-matrix.json"):
        path.parent.mkdir()
        path.write_text(text)
    with pytest.raises(ValueError, match=rf"results\.json is no report of this guide: .*{why}"):
        runs(tmp_path)
    with pytest.raises(ValueError, match=rf"kill-matrix\.json is no report of this guide: .*{why}"):
        kill_matrix(tmp_path)


@pytest.mark.parametrize("changes", [{"outcome": "probably"}, {"observed_at": "soon"}, {"observed_at": None}])
def test_a_row_that_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    write_run(tmp_path / "verify", [make_check(FACT) | changes])
    with pytest.raises(ValueError, match=f"no report of this guide: checks.0.{next(iter(changes))}"):
        runs(tmp_path)


def test_a_report_of_a_newer_form_is_refused_and_one_with_more_keys_is_read(tmp_path: Path) -> None:
    write_run(tmp_path / "verify", [make_check(FACT) | {"mood": "good"}], mood="good")
    assert len(runs(tmp_path)["lab"].results) == 1
    write_run(tmp_path / "verify", [], schema=99)
    with pytest.raises(ValueError, match="schema"):
        runs(tmp_path)
