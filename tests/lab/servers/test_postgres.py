import asyncio
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.lab.servers import identities, pgbouncer, postgres
from scaling_guide.model.environments import PgbouncerTarget, PostgresTarget
from scaling_guide.model.load import examine
from tests.lab import fleets
from tests.lab.conftest import up


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A primary, its replica and the pooler, for all tests of this module."""
    with up(fleets.databases) as where:
        yield where


def database(where: Lab, name: str) -> PostgresTarget:
    guide, _ = examine(where.repo / "data", where.variables)
    assert guide is not None
    found = guide.environments["lab"].targets[name]
    assert isinstance(found, PostgresTarget)
    return found


def pooler(where: Lab) -> PgbouncerTarget:
    guide, _ = examine(where.repo / "data", where.variables)
    assert guide is not None
    found = guide.environments["lab"].targets["pgbouncer"]
    assert isinstance(found, PgbouncerTarget)
    return found


def pid_of(where: Lab, name: str) -> int:
    pid = lifecycle.status(where.number).servers[name].pid
    assert pid is not None
    return pid


def change(where: Lab, name: str, file: str, old: str, new: str) -> str:
    """Edit a file of a server, and return what it was."""
    path = where.directory(name) / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return text


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as another user")
def test_no_server_of_the_databases_runs_as_root(where: Lab) -> None:
    for name in ("postgres-primary", "postgres-replica", "pgbouncer"):
        assert psutil.Process(pid_of(where, name)).username() == "postgres"


def test_passwords_are_for_their_owner_alone_and_stand_in_no_config(where: Lab) -> None:
    secrets = identities.passwords(where)
    for role in secrets:
        mode = identities.passfile(where, role).stat()
        assert stat.S_IMODE(mode.st_mode) == 0o600
    owner = identities.passfile(where, "replicator").stat().st_uid
    expected = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    assert pwd.getpwuid(owner).pw_name == expected
    for name in ("postgres-primary", "postgres-replica", "pgbouncer"):
        for path in where.directory(name).glob("*.*"):
            assert not [secret for secret in secrets.values() if secret in path.read_text()]


def test_an_application_comes_through_the_pooler_to_primary_and_replica(where: Lab) -> None:
    front = pooler(where)
    for name, recovering in (("appdb", False), ("appdb_ro", True)):
        with psycopg.connect(
            host=front.address, port=front.port, user="app", dbname=name,
            passfile=str(identities.passfile(where, "app")), prepare_threshold=None,
        ) as connection:  # fmt: skip
            assert connection.execute("select pg_is_in_recovery()").fetchone() == (recovering,)


def test_a_reload_returns_once_the_new_value_is_in_force(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    kept = change(where, primary.id, "postgresql.conf", "jit = off", "jit = on")
    try:
        lifecycle.command("reload", primary.id, where.number)
        assert postgres.ask(primary, "show jit") == [("on",)]
    finally:
        (where.directory(primary.id) / "postgresql.conf").write_text(kept)
        lifecycle.command("reload", primary.id, where.number)


def test_a_reload_with_an_error_in_a_file_is_refused_with_the_line(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    kept = change(where, primary.id, "postgresql.conf", "jit = off", "jit = maybe")
    try:
        with pytest.raises(LabError, match=r"postgresql\.conf line \d+"):
            lifecycle.command("reload", primary.id, where.number)
    finally:
        (where.directory(primary.id) / "postgresql.conf").write_text(kept)
        lifecycle.command("reload", primary.id, where.number)
    hba = change(where, primary.id, "pg_hba.conf", "host all scaling_ro", "host all scaling_ro nowhere")
    try:
        with pytest.raises(ReloadRefused, match=r"pg_hba\.conf line"):
            asyncio.run(postgres.reloaded(pid_of(where, primary.id), primary))
    finally:
        (where.directory(primary.id) / "pg_hba.conf").write_text(hba)
        lifecycle.command("reload", primary.id, where.number)


def test_what_waits_for_a_restart_is_told(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    kept = change(where, primary.id, "postgresql.conf", "superuser_reserved_connections = ", "#")
    try:
        pending = asyncio.run(postgres.reloaded(pid_of(where, primary.id), primary))
        assert pending == {"superuser_reserved_connections"}
    finally:
        (where.directory(primary.id) / "postgresql.conf").write_text(kept)
        assert asyncio.run(postgres.reloaded(pid_of(where, primary.id), primary)) == frozenset()


def test_the_pooler_tells_what_it_read_and_what_waits_for_a_restart(where: Lab) -> None:
    front = pooler(where)
    kept = change(where, front.id, "pgbouncer.ini", "listen_backlog = ", "listen_backlog = 1")
    try:
        pending = asyncio.run(pgbouncer.reloaded(where, front, pid_of(where, front.id)))
        assert pending == {"listen_backlog"}
    finally:
        (where.directory(front.id) / "pgbouncer.ini").write_text(kept)
        assert asyncio.run(pgbouncer.reloaded(where, front, pid_of(where, front.id))) == frozenset()


def test_a_primary_comes_back_after_a_restart_and_its_replica_finds_it(where: Lab) -> None:
    primary = database(where, "postgres-primary")
    lifecycle.command("restart", primary.id, where.number)
    asyncio.run(postgres.followed(primary, 1))
    assert postgres.streaming(primary) == 1


def test_a_replica_is_built_anew_when_it_was_promoted(where: Lab) -> None:
    primary, replica = database(where, "postgres-primary"), database(where, "postgres-replica")
    postgres.execute(replica, "select pg_promote()")
    lifecycle.command("stop", replica.id, where.number)
    postgres.rebuild(replica, primary)
    lifecycle.command("start", replica.id, where.number)
    assert postgres.ask(replica, "select pg_is_in_recovery()::text") == [("true",)]
