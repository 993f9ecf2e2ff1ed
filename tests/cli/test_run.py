"""`guide run`: the page's own commands, one at a time, with a log and an end at the first failure."""

import json
from pathlib import Path

import pytest

from scaling_guide.render.commands import Printer, phase_commands, situation
from scaling_guide.verify.mask import masked
from tests.cli.conftest import Guide
from tests.verify.observations import guide as documented


def test_a_dry_run_prints_the_commands_of_the_page_and_no_others(guide: Guide) -> None:
    ended = guide("run", "backend-flapping", "--env", "production", "--row", "one-server", "--dry-run")
    assert (ended.code, ended.err) == (0, "")
    place, runbook = documented().environments["production"], documented().runbooks["backend-flapping"]
    found = situation(documented(), place, runbook)
    printer = Printer(found)
    for phase in ("preconditions", "mitigate", "verify"):
        for command in phase_commands(found, phase):
            assert printer.text(command.run) in ended.out


def test_a_case_takes_its_own_steps_alone(guide: Guide) -> None:
    ended = guide("run", "invalid-index", "--env", "production", "--row", "left-by-reindex", "--dry-run")
    assert "drop index concurrently" in ended.out
    assert "Build it again" not in ended.out


def test_a_row_that_is_not_there_is_an_error_of_the_call(guide: Guide) -> None:
    ended = guide("run", "backend-flapping", "--env", "production", "--row", "nothing")
    assert ended.code == 4
    assert "one-server" in ended.err


def test_a_value_that_is_asked_for_must_be_given(guide: Guide) -> None:
    ended = guide("run", "pool-resize", "--env", "production", "--row", "pool-too-small")
    assert ended.code == 4
    assert "--set pool_size=VALUE" in ended.err


def test_a_log_of_another_runbook_is_refused(guide: Guide, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"event": "begun", "runbook": "other"}) + "\n")
    ended = guide(
        *("run", "backend-flapping", "--env", "production", "--row", "one-server"), "--resume", str(log)
    )
    assert ended.code == 4
    assert "not a log of backend-flapping" in ended.err


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("password=hunter2 user=app", "password=*** user=app"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("postgres://app:hunter2@db-1/app", "postgres://app:***@db-1/app"),
        ("requirepass hunter2", "requirepass ***"),
        ("app-1 UP", "app-1 UP"),
    ],
)
def test_secrets_are_taken_out_of_what_is_kept(text: str, kept: str) -> None:
    assert masked(text) == kept
