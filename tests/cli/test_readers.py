"""`guide runbook` and `guide build`."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.cli import readers
from tests.cli.conftest import Guide
from tests.verify.observations import guide as documented


@pytest.mark.parametrize("threshold", documented().thresholds.values(), ids=lambda each: each.alert)
def test_every_alert_leads_to_its_runbook(guide: Guide, threshold: Any) -> None:
    ended = guide("runbook", threshold.alert)
    runbook = documented().runbooks[threshold.runbook]
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(runbook.title)
    assert f"guide verify --env NAME --runbook {threshold.runbook} --before" in ended.out
    assert f"runbooks/{threshold.runbook}/" in ended.out


def test_an_alert_is_found_however_it_is_spelt(guide: Guide) -> None:
    assert guide("runbook", "backendserverdown").out == guide("runbook", "BackendServerDown").out


def test_a_runbook_is_found_by_its_own_name(guide: Guide) -> None:
    assert guide("runbook", "backend-flapping").code == 0


def test_an_unknown_alert_is_answered_with_what_there_is(guide: Guide) -> None:
    ended = guide("runbook", "NoSuchAlert")
    assert (ended.code, ended.out) == (4, "")
    assert "BackendServerDown" in ended.err
    assert "backend-flapping" in ended.err


@pytest.fixture
def mkdocs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """In place of MkDocs: ends with `code` and keeps how it was called."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(readers, "write_downloads", lambda guide, directory: None)

    def ends(code: int) -> list[dict[str, Any]]:
        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            calls.append({"command": command, **options})
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(readers.subprocess, "run", run)
        return calls

    return ends


def test_build_is_strict_and_ends_as_mkdocs_ends(guide: Guide, mkdocs: Any, tmp_path: Path) -> None:
    calls = mkdocs(0)
    ended = guide("build", "--out", str(tmp_path / "site"), "--offline")
    assert ended.code == 0
    assert "--strict" in calls[0]["command"]
    assert str(tmp_path / "site") in calls[0]["command"]
    assert calls[0]["env"]["OFFLINE"] == "true"
    mkdocs(1)
    ended = guide("build", "--out", str(tmp_path / "site"))
    assert ended.code == 1
    assert "the site was not built" in ended.err
