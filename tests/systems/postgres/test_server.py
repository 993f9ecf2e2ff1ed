import asyncio
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scaling_guide.lab import lifecycle, waiting
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.target import PostgresTarget
from tests.lab import fleets
from tests.lab.conftest import up
from tests.systems.conftest import edited, kill, pid_of, target_of, user_of

NEW = "insert into app.customers (email, created_at) values ('{}', now()) returning id::text"


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A primary, its replica and the pooler, for all tests of this module."""
    with up(fleets.databases) as where:
        yield where


def database(where: Lab, name: str) -> PostgresTarget:
    return target_of(where, name, PostgresTarget)


def test_the_replica_is_a_copy_of_the_primary_and_follows_it_by_its_slot(where: Lab) -> None:
    primary, replica = database(where, "postgres-primary"), database(where, "postgres-replica")
    assert postgres.system_identifier(Path(primary.data)) == postgres.system_identifier(Path(replica.data))
    assert postgres.ask(primary, "select slot_name::text, active::text from pg_replication_slots") == [
        (replica.slot, "true")
    ]
    assert postgres.streaming(primary) == 1
    assert postgres.ask(replica, "select pg_is_in_recovery()::text") == [("true",)]


def test_the_data_is_large_enough_for_plans_to_matter(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    assert postgres.ask(primary, "select count(*)::text from app.orders", "appdb") == [("300000",)]
    plan = postgres.ask(primary, "explain select * from app.orders where customer_id = 7", "appdb")
    assert "orders_by_customer" in str(plan)


def test_no_server_of_the_databases_runs_as_root(where: Lab) -> None:
    for name in ("postgres-primary", "postgres-replica", "pgbouncer"):
        assert psutil.Process(pid_of(where, name)).username() == user_of("postgres")


def test_passwords_are_for_their_owner_alone_and_stand_in_no_config(where: Lab) -> None:
    secrets = identities.passwords(where)
    for role in secrets:
        mode = identities.passfile(where, role).stat()
        assert stat.S_IMODE(mode.st_mode) == 0o600
    owner = identities.passfile(where, "replicator").stat().st_uid
    assert pwd.getpwuid(owner).pw_name == user_of("postgres")
    for name in ("postgres-primary", "postgres-replica", "pgbouncer"):
        for path in where.directory(name).glob("*.*"):
            assert not [secret for secret in secrets.values() if secret in path.read_text()]


def test_a_reload_returns_once_the_new_value_is_in_force(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    with edited(Path(primary.config), "jit = off", "jit = on"):
        lifecycle.command("reload", primary.id, where.number)
        assert postgres.ask(primary, "show jit") == [("on",)]
    lifecycle.command("reload", primary.id, where.number)


def test_a_reload_with_an_error_in_a_file_is_refused_with_the_line(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    with (
        edited(Path(primary.config), "jit = off", "jit = maybe"),
        pytest.raises(LabError, match=r"postgresql\.conf line \d+"),
    ):
        lifecycle.command("reload", primary.id, where.number)
    lifecycle.command("reload", primary.id, where.number)
    access = where.directory(primary.id) / "pg_hba.conf"
    with (
        edited(access, "host all scaling_ro", "host all scaling_ro nowhere"),
        pytest.raises(ReloadRefused, match=r"pg_hba\.conf line"),
    ):
        asyncio.run(postgres.reloaded(pid_of(where, primary.id), primary))
    lifecycle.command("reload", primary.id, where.number)


def test_what_waits_for_a_restart_is_told(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    pid = pid_of(where, primary.id)
    with edited(Path(primary.config), "superuser_reserved_connections = ", "#"):
        assert asyncio.run(postgres.reloaded(pid, primary)) == {"superuser_reserved_connections"}
    assert asyncio.run(postgres.reloaded(pid, primary)) == frozenset()


def test_files_that_keep_the_superuser_out_are_refused_soon(where: Lab) -> None:
    replica = database(where, "postgres-replica")
    access = where.directory(replica.id) / "pg_hba.conf"
    with (
        edited(access, "local all postgres peer", "# local all postgres peer"),
        pytest.raises(ReloadRefused, match=r"no pg_hba\.conf entry"),
    ):
        asyncio.run(postgres.reloaded(pid_of(where, replica.id), replica, seconds=60))
    lifecycle.command("reload", replica.id, where.number)


def test_a_server_without_its_socket_is_not_waited_for(where: Lab) -> None:
    replica = database(where, "postgres-replica")
    with (
        edited(Path(replica.config), "unix_socket_directories = ", "unix_socket_directories = '' # "),
        pytest.raises(LabError, match=r"there is no .*/\.s\.PGSQL\.5432"),
    ):
        lifecycle.command("restart", replica.id, where.number)
    lifecycle.command("restart", replica.id, where.number)


def test_a_primary_comes_back_after_a_restart_and_its_replica_finds_it(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    lifecycle.command("restart", primary.id, where.number)
    asyncio.run(postgres.followed(primary, 1))
    assert postgres.streaming(primary) == 1


def test_a_primary_whose_process_is_killed_has_its_data_and_its_replica_again(where: Lab) -> None:
    primary, replica = database(where, "postgres-primary"), database(where, "postgres-replica")
    [(before,)] = postgres.ask(primary, NEW.format("before"), primary.database)
    killed = kill(where, primary.id)
    lifecycle.command("start", primary.id, where.number)
    assert pid_of(where, primary.id) != killed
    asyncio.run(postgres.followed(primary, 1))
    [(after,)] = postgres.ask(primary, NEW.format("after"), primary.database)
    found = f"select email from app.customers where id in ({before}, {after}) order by id"
    assert postgres.ask(primary, found, primary.database) == [("before",), ("after",)]
    assert caught_up(primary, replica, found) == [("before",), ("after",)]


def test_a_replica_whose_process_is_killed_follows_again(where: Lab) -> None:
    primary, replica = database(where, "postgres-primary"), database(where, "postgres-replica")
    kill(where, replica.id)
    [(id,)] = postgres.ask(primary, NEW.format("meanwhile"), primary.database)
    lifecycle.command("start", replica.id, where.number)
    asyncio.run(postgres.followed(primary, 1))
    found = f"select email from app.customers where id = {id}"
    assert caught_up(primary, replica, found) == [("meanwhile",)]


def caught_up(primary: PostgresTarget, replica: PostgresTarget, question: str) -> list[tuple[str, ...]]:
    """What the replica answers once it has replayed what the primary had written at the call."""
    [(written,)] = postgres.ask(primary, "select pg_current_wal_lsn()::text")
    replayed = f"select 1 where pg_last_wal_replay_lsn() >= '{written}'"

    async def missing() -> str | None:
        return None if postgres.ask(replica, replayed) else f"the replica is behind {written}"

    asyncio.run(waiting.until(missing, 10))
    return postgres.ask(replica, question, primary.database)


def test_a_replica_is_built_anew_when_it_was_promoted(where: Lab) -> None:
    primary, replica = database(where, "postgres-primary"), database(where, "postgres-replica")
    postgres.execute(replica, "select pg_promote()")
    lifecycle.command("stop", replica.id, where.number)
    postgres.rebuild(replica, primary)
    lifecycle.command("start", replica.id, where.number)
    assert postgres.ask(replica, "select pg_is_in_recovery()::text") == [("true",)]
