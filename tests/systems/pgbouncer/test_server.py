"""PgBouncer runs by its files, takes what a reload can give it, and tells what waits for a restart."""

import asyncio
import re
import stat
import threading
from pathlib import Path

import psutil
import psycopg
import pytest

from scaling_guide.lab import lifecycle, waiting
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities
from tests.systems.conftest import edited, kill, pid_of, target_of, user_of

NAME = "pgbouncer"


@pytest.fixture
def pooler(live: Lab) -> PgbouncerTarget:
    return target_of(live, NAME, PgbouncerTarget)


def connect(live: Lab, pooler: PgbouncerTarget, database: str) -> psycopg.Connection:
    """A connection as the application makes it."""
    return psycopg.connect(
        host=pooler.address,
        port=pooler.port,
        user="app",
        dbname=database,
        passfile=str(identities.passfile(live, "app")),
        prepare_threshold=None,
        connect_timeout=10,
    )


@pytest.mark.parametrize(("database", "recovering"), [("appdb", False), ("appdb_ro", True)])
def test_an_application_comes_through_it_to_primary_and_replica(
    live: Lab, pooler: PgbouncerTarget, database: str, recovering: bool
) -> None:
    with connect(live, pooler, database) as connection:
        assert connection.execute("select pg_is_in_recovery()").fetchone() == (recovering,)


def test_only_what_the_section_of_the_pooler_sets_is_a_setting_of_it() -> None:
    text = """
[databases]
appdb = host=127.0.0.1 pool_size=9
[pgbouncer]
; pool_mode = session
# max_client_conn = 1
pool_mode = transaction
server_connect_timeout=2
auth_query = select a = b
"""
    assert pgbouncer.written(text) == {
        "pool_mode": "transaction",
        "server_connect_timeout": "2",
        "auth_query": "select a = b",
    }


def test_its_settings_in_force_are_those_of_its_file(live: Lab, pooler: PgbouncerTarget) -> None:
    running = pgbouncer.settings(live, pooler)
    written = pgbouncer.written(Path(pooler.config).read_text())
    assert written["pool_mode"] == running["pool_mode"][0]
    assert running["conffile"] == (pooler.config, None)


def test_it_may_open_as_many_files_as_its_service_says(live: Lab, pooler: PgbouncerTarget) -> None:
    limits = (Path(pooler.directory) / pgbouncer.LIMITS).read_text()
    allowed = re.search(r"Max open files +(\d+)", Path(f"/proc/{pid_of(live, NAME)}/limits").read_text())
    assert allowed
    assert f"LimitNOFILE={allowed[1]}\n" in limits


def test_a_reload_tells_what_waits_for_a_restart(live: Lab, pooler: PgbouncerTarget) -> None:
    pid = pid_of(live, NAME)
    with edited(Path(pooler.config), "listen_backlog = ", "listen_backlog = 1"):
        assert asyncio.run(pgbouncer.reloaded(live, pooler, pid)) == {"listen_backlog"}
    assert asyncio.run(pgbouncer.reloaded(live, pooler, pid)) == frozenset()


def test_a_limit_on_files_waits_for_a_restart_too(live: Lab, pooler: PgbouncerTarget) -> None:
    pid = pid_of(live, NAME)
    with edited(Path(pooler.directory) / pgbouncer.LIMITS, "LimitNOFILE=", "LimitNOFILE=1"):
        assert asyncio.run(pgbouncer.reloaded(live, pooler, pid)) == {"LimitNOFILE"}
    assert asyncio.run(pgbouncer.reloaded(live, pooler, pid)) == frozenset()


def test_a_file_that_locks_out_the_administrator_is_told_and_can_be_taken_back(
    live: Lab, pooler: PgbouncerTarget
) -> None:
    pid = pid_of(live, NAME)
    with (
        edited(Path(pooler.config), "admin_users = ", "admin_users = nobody_"),
        pytest.raises(ReloadRefused, match="not allowed"),
    ):
        asyncio.run(pgbouncer.reloaded(live, pooler, pid))
    assert asyncio.run(pgbouncer.reloaded(live, pooler, pid)) == frozenset()


def test_a_client_that_waits_for_a_connection_is_counted(live: Lab, pooler: PgbouncerTarget) -> None:
    def ask() -> None:
        with connect(live, pooler, "appdb") as connection:
            connection.execute("select 1")

    async def one_waits() -> str | None:
        return None if pgbouncer.queue(live, pooler)[0] == 1 else "nobody waits"

    assert pgbouncer.queue(live, pooler)[0] == 0
    pgbouncer.tell(live, pooler, "PAUSE appdb")
    asking = threading.Thread(target=ask)
    try:
        asking.start()
        asyncio.run(waiting.until(one_waits, 10))
    finally:
        pgbouncer.tell(live, pooler, "RESUME appdb")
        asking.join(10)
    assert pgbouncer.queue(live, pooler)[0] == 0


def test_killed_it_is_started_again_and_clients_come_back(live: Lab, pooler: PgbouncerTarget) -> None:
    before = kill(live, NAME)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(live, pooler, "appdb")
    lifecycle.command("start", NAME, live.number)
    assert pid_of(live, NAME) != before
    with connect(live, pooler, "appdb") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_its_list_of_users_is_for_itself_alone_and_holds_no_password(
    live: Lab, pooler: PgbouncerTarget
) -> None:
    userlist = Path(pooler.userlist)
    assert stat.S_IMODE(userlist.stat().st_mode) == 0o600
    text = userlist.read_text()
    assert '"app" "SCRAM-SHA-256$' in text
    assert "replicator" not in text
    assert not [word for word in identities.passwords(live).values() if word in text]


def test_it_does_not_run_as_root(live: Lab) -> None:
    assert psutil.Process(pid_of(live, NAME)).username() == user_of("postgres")
