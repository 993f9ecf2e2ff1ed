"""PostgreSQL: asked as the right one, and loaded only when it says so itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.model.load import load
from scaling_guide.render.commands import render
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.target import PostgresTarget
from tests.render.commands.conftest import Run, of


def test_the_checker_comes_over_the_network_with_a_passfile() -> None:
    assert render("{{ as_checker(replica) }}", of()) == (
        "PGPASSFILE=/etc/scaling-guide/scaling_ro.pgpass PGCONNECT_TIMEOUT=5 "
        "psql -X -q -At -w -v ON_ERROR_STOP=1 -h 10.0.1.42 -p 5432 -U scaling_ro -d appdb"
    )


def test_the_superuser_comes_over_the_socket_of_the_server_as_its_system_user() -> None:
    assert render("{{ as_operator(primary) }}", of()) == (
        "runuser -u postgres -- psql -X -q -At -w -v ON_ERROR_STOP=1"
        " -h /var/run/postgresql -p 5432 -U postgres -d appdb"
    )


def test_paths_with_blanks_stay_one_word() -> None:
    found = of()
    target = next(each for each in found.environment.targets.values() if isinstance(each, PostgresTarget))
    odd = target.model_copy(update={"sockets": "/run/my sockets", "passfile": "/etc/my passfile"})
    assert "-h '/run/my sockets' -p" in render("{{ as_operator(target) }}", found, odd)
    assert "PGPASSFILE='/etc/my passfile' " in render("{{ as_checker(target) }}", found, odd)


# -------------------------------------------------------------------------------------------- a real server


@pytest.fixture
def primary(live: Lab) -> PostgresTarget:
    found = load(live.repo / "data", live.variables).environments["lab"].targets["postgres-primary"]
    assert isinstance(found, PostgresTarget)
    return found


@pytest.fixture
def config(primary: PostgresTarget) -> Iterator[Path]:
    """The file of the running server, which is put back."""
    path = Path(primary.config)
    before = path.read_text()
    yield path
    path.write_text(before)
    postgres.execute(primary, "select pg_reload_conf()")
    (path.parent / "loaded.before").unlink(missing_ok=True)


def bounded(look: str, times: int = 50) -> str:
    return f"for i in $(seq {times}); do {look} && exit 0; sleep 0.1; done; exit 1"


def test_an_error_of_sql_is_an_error_of_the_command(run: Run) -> None:
    assert run('{{ as_checker(primary) }} -c "select 1"') == 0
    assert run('{{ as_checker(primary) }} -c "select nothing"') != 0
    assert run('{{ as_operator(primary) }} -c "select 1/0" -c "select 1"') != 0
    assert run("{{ is_true(as_checker(replica), 'select pg_is_in_recovery()') }}") == 0
    assert run("{{ is_true(as_checker(primary), 'select pg_is_in_recovery()') }}") == 1


def test_a_written_setting_is_in_force_once_the_server_says_so(run: Run, config: Path) -> None:
    assert run("{{ postgres_reloaded(primary) }}") != 0, "nobody noted when it was loaded"
    assert run("{{ postgres_write(primary, 'work_mem', '9MB') }}") == 0
    assert run("{{ postgres_test(primary) }}") == 0
    assert run("{{ postgres_shows(primary, 'work_mem', '9MB') }}") == 1
    assert run("{{ postgres_reload(primary) }}") == 0
    assert run(bounded("{{ postgres_reloaded(primary) }}")) == 0
    assert run("{{ postgres_shows(primary, 'work_mem', '9MB') }}") == 0


def test_a_wrong_value_is_found_before_it_is_loaded_and_never_called_loaded(run: Run, config: Path) -> None:
    assert run("{{ postgres_write(primary, 'work_mem', 'plenty') }}") == 0
    assert run("{{ postgres_test(primary) }}") != 0
    assert run("{{ postgres_reload(primary) }}") == 0, "PostgreSQL takes the order, and keeps the old value"
    assert run(bounded("{{ postgres_reloaded(primary) }}", times=5)) != 0


def test_a_setting_that_needs_a_restart_is_no_error(run: Run, config: Path) -> None:
    assert run("{{ postgres_write(primary, 'max_connections', 210) }}") == 0
    assert run("{{ postgres_test(primary) }}") == 0
    assert run("{{ postgres_reload(primary) }}") == 0
    assert run(bounded("{{ postgres_reloaded(primary) }}")) == 0


def test_a_line_of_pg_hba_that_is_wrong_is_found(run: Run, primary: PostgresTarget) -> None:
    hba = Path(primary.directory) / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(f"{before}host all all 10.0.0.0/8 nonsense\n")
    try:
        assert run("{{ postgres_test(primary) }}") != 0
    finally:
        hba.write_text(before)


def test_a_server_that_cannot_be_asked_is_not_without_errors(run: Run) -> None:
    assert run("{{ postgres_test(primary) | replace('psql', 'no-such-client') }}") != 0


def test_programs_that_write_data_are_run_as_its_owner(run: Run, primary: PostgresTarget) -> None:
    owner = Path(primary.data).owner()
    assert run(f'test "$({{{{ as_owner(primary) }}}} id -un)" = {owner}') == 0
