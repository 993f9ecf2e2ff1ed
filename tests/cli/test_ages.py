"""The clock runs on: what was true when it was written still works, and `guide validate` says what is old."""

import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from macros.knowledge import known
from scaling_guide.verify.check import Check
from scaling_guide.verify.selection import Selection, select
from tests.cli.conftest import REPO, Ended, Guide
from tests.numbers import own_number
from tests.verify.observations import at
from tests.verify.observations import guide as documented
from tests.world import World

AHEAD = [90, 365, 3 * 365]
CALLS = [
    "runbook BackendServerDown",
    "runbook drain-and-replace-backend --env production",
    "explain haproxy-check-fall --env production",
    "size --peak 1500",
    "incident-pack --env production --out {place}",
]
ages = pytest.mark.parametrize("days", AHEAD)


@pytest.fixture
def copy(tmp_path: Path, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of data and checks, in which commands run."""
    for name in ("data", "checks", "docs"):
        shutil.copytree(REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def later(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    monkeypatch.setenv("SG_TODAY", str(date.today() + timedelta(days=days)))


def without_warning(text: str) -> str:
    """`text` without the one line about what is past its date, of which there may be no second."""
    lines = text.splitlines()
    kept = [line for line in lines if not line.startswith("warning: past their date: ")]
    assert len(lines) - len(kept) == 1
    return "\n".join(kept)


@ages
@pytest.mark.parametrize("call", CALLS)
def test_a_command_does_what_it_did_and_warns_in_one_line(
    guide: Guide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, days: int
) -> None:
    arguments = call.format(place=tmp_path / "pack").split()
    before = guide(*arguments)
    later(monkeypatch, days)
    after = guide(*arguments)
    assert (after.code, after.out) == (before.code, before.out) == (0, before.out)
    assert without_warning(after.err) == before.err.rstrip("\n")


@ages
def test_a_lab_that_is_down_is_still_unreachable(
    guide: Guide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    later(monkeypatch, days)
    with own_number() as where:
        ended = guide(
            *("verify", "--env", "lab", "--lab", str(where.number)),
            *("--system", "haproxy", "--out", str(tmp_path / "out")),
        )
    report = json.loads((tmp_path / "out" / "results.json").read_text())
    assert ended.code == 10
    assert report["counts"].keys() <= {"unreachable", "unsupported"}
    assert without_warning(ended.err)
    assert any("PLAN_STALE" in finding for finding in report["findings"])
    assert "past its date" in (tmp_path / "out" / "summary.md").read_text()


@ages
def test_the_pages_can_still_be_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    later(monkeypatch, days)
    data = shutil.copytree(REPO / "data", tmp_path / "data")
    assert known(data, tmp_path / "build").guide.findings


@ages
def test_validate_lists_what_is_old_and_ends_with_1(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    later(monkeypatch, days)
    ended = guide("validate")
    assert ended.code == 1
    lines = ended.out.splitlines()
    codes = {match[1] for line in lines if (match := re.match(r"\S+:\d+:\d+ ([A-Z_]+) ", line))}
    assert codes <= {"SOURCE_STALE", "PLAN_STALE", "REVIEW_OVERDUE", "ATTESTATION_EXPIRED"}
    assert f"{len(lines)} problems" in ended.err


# -------------------------------------------------------------------------- of one environment and of another


def added(copy: Path, name: str, text: str) -> None:
    file = copy / "data" / "environments" / f"{name}.yml"
    file.write_text(f"{file.read_text()}{text}")


def waiver(check: Check) -> str:
    terms = "reason: known, owner: ops, expires: 2026-01-31"
    return f"waivers:\n  - {{check: {check.fact.id}, target: {check.target.id}, {terms}}}\n"


def verify(guide: Guide, copy: Path, check: Check, env: str) -> Ended:
    chosen = ("--check", check.fact.id, "--target", check.target.id)
    return guide("verify", "--env", env, *chosen, "--out", str(copy / "out"))


def check_of(env: str) -> Check:
    selection = Selection(checks=frozenset({"haproxy-retries"}))
    return select(documented(), documented().environments[env], selection)[0]


def test_an_expired_waiver_is_red_in_its_own_environment(guide: Guide, copy: Path, world: World) -> None:
    check = check_of("staging")
    added(copy, "staging", waiver(check))
    world.changes[check.target.id, at(check.fact.claim(check.environment).setting)] = 99
    ended = verify(guide, copy, check, "staging")
    assert ended.code == 1
    assert "waiver expired" in ended.out


def test_an_expired_waiver_is_no_concern_of_another_environment(
    guide: Guide, copy: Path, world: World
) -> None:
    added(copy, "staging", waiver(check_of("staging")))
    ended = verify(guide, copy, check_of("production"), "production")
    assert (ended.code, "past their date" in ended.text) == (0, False)
    assert json.loads((copy / "out" / "results.json").read_text())["findings"] == []
    assert guide("validate").code == 1


def test_an_unset_variable_stops_its_own_environment_and_no_other(
    guide: Guide, copy: Path, world: World
) -> None:
    file = copy / "data" / "environments" / "staging.yml"
    file.write_text(re.sub(r"^site: .*$", "site: ${NO_SUCH_SITE}", file.read_text(), flags=re.MULTILINE))
    check = check_of("production")
    assert verify(guide, copy, check, "production").code == 0
    for call in ("verify --env staging", "explain haproxy-retries --env staging"):
        ended = guide(*call.split())
        assert ended.code in (1, 4)
        assert f"{file}:" in ended.err
        assert "VARIABLE_UNSET ${NO_SUCH_SITE} has no value" in ended.err
        assert "Traceback" not in ended.text
