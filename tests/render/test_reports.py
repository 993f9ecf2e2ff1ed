"""Reports are read back as they were published, and what is none is named."""

from pathlib import Path

import pytest

from scaling_guide.render.reports import kill_matrix, latest_run
from tests.macros.small_guide import write_proof, write_run


def test_the_newest_run_of_an_environment_is_found_wherever_it_was_left(tmp_path: Path) -> None:
    write_run(tmp_path / "verify", [], finished="2026-11-24T05:00:00Z", exit_code=1)
    write_run(tmp_path / "verify" / "later", [], finished="2026-11-24T06:00:00Z", exit_code=0)
    write_run(tmp_path / "verify" / "other", [], environment="production", finished="2026-11-25T00:00:00Z")
    run = latest_run(tmp_path, "lab")
    assert run is not None
    assert run["exit_code"] == 0


def test_what_was_never_run_is_none(tmp_path: Path) -> None:
    assert latest_run(tmp_path, "lab") is None
    assert kill_matrix(tmp_path) is None


def test_the_kill_matrix_is_found(tmp_path: Path) -> None:
    write_proof(tmp_path / "proof" / "kill-matrix.json", {"a@nginx": []})
    matrix = kill_matrix(tmp_path)
    assert matrix is not None
    assert [check["id"] for check in matrix["checks"]] == ["a@nginx"]


@pytest.mark.parametrize(("text", "why"), [("{", "Expecting"), ("[]", "keys"), ("{}", "it has no `checks`")])
def test_a_file_that_is_no_report_is_named(tmp_path: Path, text: str, why: str) -> None:
    for path in (tmp_path / "verify" / "results.json", tmp_path / "proof" / "kill-matrix.json"):
        path.parent.mkdir()
        path.write_text(text)
    with pytest.raises(ValueError, match=rf"results\.json is no report of this guide: .*{why}"):
        latest_run(tmp_path, "lab")
    with pytest.raises(ValueError, match=rf"kill-matrix\.json is no report of this guide: .*{why}"):
        kill_matrix(tmp_path)
