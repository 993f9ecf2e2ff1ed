"""What was last seen of a fact, and how long ago."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from macros.reports import State, states
from scaling_guide.model.facts import Fact
from scaling_guide.render.reports import runs
from tests.macros.small_guide import make_check, make_guide, write_run

FACT = make_guide().facts["nginx-worker-connections"]
OTHER = make_guide().facts["nginx-read-timeout"]


def seen(tmp_path: Path, fact: Fact = FACT) -> tuple[State, ...]:
    return states(runs(tmp_path), fact)


def test_no_run_is_no_state(tmp_path: Path) -> None:
    assert seen(tmp_path) == ()


def test_a_state_counts_the_outcomes_of_all_targets(tmp_path: Path) -> None:
    checks = [make_check(FACT, "pass", "a"), make_check(FACT, "fail", "b"), make_check(OTHER)]
    write_run(tmp_path / "verify", checks)
    (state,) = seen(tmp_path)
    assert (state.environment, state.outcomes, state.targets) == ("lab", {"pass": 1, "fail": 1}, 2)
    assert state.seen == datetime(2026, 11, 24, 5, 32, 11, tzinfo=UTC)


def test_environments_are_kept_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "verify" / "a", [make_check(FACT, "pass")])
    write_run(tmp_path / "verify" / "b", [make_check(FACT, "fail")], environment="staging")
    assert [state.environment for state in seen(tmp_path)] == ["lab", "staging"]


def test_a_record_that_claims_something_else_now_has_changed(tmp_path: Path) -> None:
    write_run(tmp_path / "verify", [make_check(FACT), make_check(OTHER, digest="of an older record")])
    assert not seen(tmp_path)[0].changed
    assert seen(tmp_path, OTHER)[0].changed


@pytest.mark.parametrize(
    ("today", "age"),
    [("2026-11-24", None), ("2026-11-25", "1 day old"), ("2026-12-31", "37 days old")],
)
def test_what_was_seen_long_ago_says_how_old_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: str, age: str | None
) -> None:
    monkeypatch.setattr("macros.reports.now", lambda: datetime.fromisoformat(f"{today}T05:40:00Z"))
    write_run(tmp_path / "verify", [make_check(FACT)])
    assert seen(tmp_path)[0].age == age


def test_the_oldest_of_the_targets_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("macros.reports.now", lambda: datetime.fromisoformat("2026-11-24T06:00:00Z"))
    old = make_check(FACT, target="b", observed_at="2026-11-20T05:00:00Z")
    write_run(tmp_path / "verify", [make_check(FACT, target="a"), old])
    assert seen(tmp_path)[0].age == "4 days old"
