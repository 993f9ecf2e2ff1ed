"""`guide runbook`, `guide build`, `guide size` and `guide incident-pack`."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.cli import build
from scaling_guide.render.incident_pack import runbook_text
from tests.cli.conftest import REPO, Guide
from tests.macros.small_guide import write_proof, write_run
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


@pytest.mark.parametrize("env", ["staging", "production"])
def test_a_runbook_for_an_environment_has_the_commands_to_type(guide: Guide, env: str) -> None:
    place, runbook = documented().environments[env], documented().runbooks["backend-flapping"]
    ended = guide("runbook", "BackendServerDown", "--env", env)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == runbook_text(documented(), place, runbook)
    assert f"guide verify --env {env} --runbook backend-flapping" in ended.out
    assert "```" in ended.out


def test_a_runbook_for_an_environment_that_there_is_not_is_an_error_of_the_call(guide: Guide) -> None:
    ended = guide("runbook", "BackendServerDown", "--env", "nowhere")
    assert (ended.code, ended.out) == (4, "")
    assert "there is no environment nowhere; there are: lab, production, staging" in ended.err


def test_a_runbook_is_found_by_its_own_name(guide: Guide) -> None:
    assert guide("runbook", "backend-flapping").code == 0


@pytest.mark.parametrize(
    ("typed", "meant"), [("BackendServerDwn", "BackendServerDown"), ("backend-flaping", "backend-flapping")]
)
def test_an_unknown_alert_or_runbook_is_answered_with_what_is_like_it(
    guide: Guide, typed: str, meant: str
) -> None:
    ended = guide("runbook", typed)
    assert (ended.code, ended.out) == (4, "")
    assert meant in ended.err


@pytest.fixture
def mkdocs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """In place of MkDocs: says and ends with what a test wants, and leaves in a file how it was called."""
    monkeypatch.setattr(build, "write_downloads", lambda guide, directory, address: None)
    monkeypatch.setenv("SG_BUILD", str(tmp_path / "build"))
    stub, called = tmp_path / "python", tmp_path / "called"

    def ends(code: int, said: str = "") -> Path:
        script = f"#!/bin/sh\necho \"$PWD $OFFLINE $*\" >{called}\ncat <<'EOF'\n{said}\nEOF\nexit {code}\n"
        stub.write_text(script)
        stub.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(stub))
        return called

    return ends


def test_build_is_strict_and_ends_as_mkdocs_ends(guide: Guide, mkdocs: Any, tmp_path: Path) -> None:
    called = mkdocs(0)
    assert guide("build", "--out", str(tmp_path / "site"), "--offline").code == 0
    assert called.read_text() == f"{REPO} true -m mkdocs build --strict --site-dir {tmp_path / 'site'}\n"
    mkdocs(3)
    ended = guide("build", "--out", str(tmp_path / "site"))
    assert (ended.code, ended.out) == (3, "")
    assert "the site was not built" in ended.err


def test_build_shows_warnings_and_no_chatter(guide: Guide, mkdocs: Any) -> None:
    mkdocs(0, "INFO    -  Cleaning site directory\nWARNING -  Doc file 'a.md' has a link\n  of two lines")
    ended = guide("build")
    assert ended.err == "WARNING -  Doc file 'a.md' has a link\n  of two lines\n"


def test_build_works_from_below_and_says_at_last_where_the_site_is_and_how_to_read_it(
    guide: Guide, mkdocs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = mkdocs(0)
    monkeypatch.chdir(REPO / "docs" / "runbooks")
    last = guide("build").out.splitlines()[-1]
    assert f"python3 -m http.server -b 127.0.0.1 -d {REPO / 'site'}, then http://127.0.0.1:8000/" in last
    ended = guide("build", "--offline", "--out", "here")
    assert ended.out == f"site in {Path.cwd()}/here; to read it: open {Path.cwd()}/here/index.html\n"
    assert called.read_text().startswith(f"{REPO} ")


def test_build_leaves_the_coverage_beside_the_reports(guide: Guide, mkdocs: Any, tmp_path: Path) -> None:
    mkdocs(0)
    guide("build")
    covered = json.loads((tmp_path / "build" / "coverage.json").read_text())
    sections = documented().sections
    assert [topic["id"] for topic in covered["topics"]] == [
        f"{section.id}/{entry.id}" for section in sections for entry in section.topics
    ]
    assert covered["totals"]["mutants"] is None


def test_build_names_a_report_that_is_none(guide: Guide, mkdocs: Any, tmp_path: Path) -> None:
    mkdocs(0)
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", {})
    (tmp_path / "build" / "proof" / "kill-matrix.json").write_text("{")
    ended = guide("build")
    assert (ended.code, ended.out) == (1, "")
    assert "kill-matrix.json is no report of this guide" in ended.err


# ---------------------------------------------------------------------------------------------------- size


def test_size_says_tier_replicas_and_load_balancers(guide: Guide) -> None:
    tier = documented().tiers["large"]
    ended = guide("size", "--peak", str(tier.peak_requests_per_second))
    assert (ended.code, ended.err) == (0, "")
    rows = dict(re.findall(r"^ ([a-z ]+?)  +(.*?) *$", ended.out, re.MULTILINE))
    assert rows["tier"].startswith("large")
    assert rows["load balancers"] == f"{tier.load_balancers}"
    assert rows["replicas"] == f"{tier.replicas}, {tier.replicas // tier.zones} in each zone"
    assert tier.implies[0] in ended.out


# ------------------------------------------------------------------------------------------- incident pack


def test_the_incident_pack_is_written_for_the_environment(
    guide: Guide, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SG_BUILD", str(tmp_path / "build"))
    write_run(tmp_path / "build" / "verify", [], environment="staging")
    ended = guide("incident-pack", "--env", "staging", "--out", str(tmp_path / "pack"))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(f"files for staging in {tmp_path}/pack; begin with README.md\n")
    assert documented().environments["staging"].title in (tmp_path / "pack" / "README.md").read_text()
    assert json.loads((tmp_path / "pack" / "results.json").read_text())["environment"] == "staging"
    written = {path.stem for path in (tmp_path / "pack" / "runbooks").iterdir()}
    assert written == set(documented().runbooks)
