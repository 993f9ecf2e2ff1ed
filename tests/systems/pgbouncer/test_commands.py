"""PgBouncer: its console as the right one, and a file that is in force only when the console shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.model.load import load
from scaling_guide.render.commands import render
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from tests.render.commands.conftest import Run, of


def test_the_administrator_has_a_passfile_of_his_own() -> None:
    text = render("{{ as_operator(pooler) }}", of())
    assert text.startswith("PGPASSFILE=/etc/scaling-guide/pgbouncer_admin.pgpass ")
    assert text.endswith(" -h 10.0.1.40 -p 6432 -U pgbouncer_admin -d pgbouncer")


@pytest.fixture
def config(live: Lab) -> Iterator[Path]:
    """The file of the running pooler, which is put back."""
    target = load(live.repo / "data", live.variables).environments["lab"].targets["pgbouncer"]
    assert isinstance(target, PgbouncerTarget)
    path = Path(target.config)
    before = path.read_text()
    yield path
    path.write_text(before)
    pgbouncer.tell(live, target, "RELOAD")


def test_a_written_setting_is_in_force_after_a_reload(run: Run, config: Path) -> None:
    assert run("{{ pgbouncer_write(pooler, 'default_pool_size', 7) }}") == 0
    assert run("{{ pgbouncer_shows(pooler, 'default_pool_size', 7) }}") == 1
    assert run("{{ pgbouncer_reload(pooler) }}") == 0
    assert run("{{ pgbouncer_shows(pooler, 'default_pool_size', 7) }}") == 0


def test_a_wrong_value_is_not_shown_although_the_reload_says_nothing(run: Run, config: Path) -> None:
    assert run("{{ pgbouncer_write(pooler, 'default_pool_size', 'many') }}") == 0
    assert run("{{ pgbouncer_reload(pooler) }}") == 0
    assert run("{{ pgbouncer_shows(pooler, 'default_pool_size', 'many') }}") == 1


def test_a_database_is_led_to_another_server(run: Run, config: Path) -> None:
    others = [line for line in config.read_text().splitlines() if not line.startswith("appdb = ")]
    assert run("{{ pgbouncer_point(pooler, 'appdb', replica) }}") == 0
    assert run("{{ pgbouncer_reload(pooler) }}") == 0
    assert run("{{ as_checker(pooler) }} -c 'SHOW DATABASES' | grep -q '^appdb|{{ replica.address }}|'") == 0
    assert [line for line in config.read_text().splitlines() if not line.startswith("appdb = ")] == others


def test_a_checker_may_look_and_nothing_else(run: Run) -> None:
    assert run("{{ as_checker(pooler) }} -c 'SHOW POOLS'") == 0
    assert run("{{ as_checker(pooler) }} -c RELOAD") != 0
    assert run("{{ pgbouncer_shows(pooler, 'no_such_setting', '') }}") == 1
