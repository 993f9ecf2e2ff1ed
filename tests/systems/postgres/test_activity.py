"""Counters of PostgreSQL: an average that hides today, a sample that is too short, and too little to tell."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from scaling_guide.probes.observation import Undetermined
from scaling_guide.systems.postgres import activity as postgres_activity
from scaling_guide.systems.postgres.activity import CHECKPOINTS_NEEDED, a_day
from scaling_guide.systems.sql import session as sql

DAY = 86400


def counted(number: int, age: float) -> Mapping[str, Any]:
    """A counter that began `age` seconds ago."""
    return {"deadlocks": number, "age": age}


def test_what_was_counted_in_a_year_is_told_for_a_day() -> None:
    year = counted(730, 365 * DAY)
    assert a_day("deadlocks", year, year, 0.4) == 2


def test_what_was_counted_in_an_hour_counts_for_a_whole_day() -> None:
    hour = counted(3, 3600)
    assert a_day("deadlocks", hour, hour, 0.4) == 3


def test_a_storm_is_seen_behind_a_year_of_peace() -> None:
    before, after = counted(0, 365 * DAY), counted(2, 365 * DAY)
    assert a_day("deadlocks", before, after, 0.4) == 2 * DAY / 0.4


def test_a_reset_between_two_looks_is_no_pace() -> None:
    assert a_day("deadlocks", counted(900, 365 * DAY), counted(0, 1), 0.4) == 0


@pytest.mark.parametrize(
    ("timed", "forced", "found"),
    [
        (CHECKPOINTS_NEEDED - 2, 1, Undetermined("19 checkpoints since the counters began; 20 are needed")),
        (0, 0, Undetermined("no checkpoint since the counters began", empty=True)),
        (3, 0, "0.0%"),
        (CHECKPOINTS_NEEDED - 1, 1, "5.0%"),
        (0, CHECKPOINTS_NEEDED, "100.0%"),
    ],
)
def test_few_checkpoints_are_no_share(
    monkeypatch: pytest.MonkeyPatch, timed: int, forced: int, found: Any
) -> None:
    answered: list[str] = []

    def row(connection: Any, query: str) -> Mapping[str, int]:
        answered.append(query)
        return {"timed": timed, "forced": forced}

    monkeypatch.setattr(sql, "row", row)
    for version, view in ((150020, "pg_stat_bgwriter"), (170000, "pg_stat_checkpointer")):
        connection: Any = SimpleNamespace(info=SimpleNamespace(server_version=version))
        assert postgres_activity._checkpoints(connection) == {"checkpoints > forced": found}
        assert view in answered[-1]
