"""What the checker's identities are refused, server by server, by asking the servers themselves.

A check that could write would only have to be wrong once. What no server can refuse is listed as a limit.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from psycopg import errors
from redis.backoff import NoBackoff
from redis.retry import Retry

from scaling_guide.lab.layout import Lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import load
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.redis.target import RedisTarget
from scaling_guide.systems.sentinel.target import SentinelTarget
from scaling_guide.systems.sql import session as sql
from scaling_guide.systems.supabase.probe import SCOPES
from scaling_guide.systems.supabase.target import SupabaseTarget

SECONDS = 5.0


@pytest.fixture(scope="module")
def environment(live: Lab) -> Environment:
    return load(live.repo / "data", live.variables).environments["lab"]


# ------------------------------------------------------------------------------------------ PostgreSQL

# a refusal is a lack of rights, and not that the server is a replica or that there is no such thing
POSTGRES = {
    "write rows": [
        "insert into app.customers (email, created_at) values ('x', now())",
        "update app.customers set email = 'x' where id = 1",
        "delete from app.customers",
        "truncate app.customers",
        "select nextval('app.customers_id_seq')",
        "select setval('app.customers_id_seq', 1)",
    ],
    "read what users wrote": [
        "select count(*) from app.customers",
        "select * from app.orders limit 1",
        "select kind from app.events limit 1",
        "copy app.customers to stdout",
        "explain select * from app.customers",
    ],
    "make or change objects": [
        "create table app.x (n int)",
        "create table public.x (n int)",
        "create temporary table x (n int)",
        "create schema x",
        "create database x",
        "create function app.f() returns int language sql as 'select 1'",
        "create extension dblink",
        "alter table app.customers add column x int",
        "drop table app.customers",
        "reindex table app.customers",
        "comment on table app.customers is 'x'",
    ],
    "store without a table": [
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select pg_logical_emit_message(true, 'x', 'y')",
    ],
    "reach the host": [
        "select pg_read_file('postgresql.conf')",
        "select pg_ls_dir('.')",
        "select pg_stat_file('postgresql.conf')",
        "copy (select 1) to '/tmp/x'",
        "copy (select 1) to program 'true'",
        "select lo_import('/etc/passwd')",
    ],
    "read secrets": [
        "select rolpassword from pg_authid",
        "select passwd from pg_shadow",
        "select * from pg_hba_file_rules",
        "select * from pg_file_settings",
    ],
    "be somebody else": [
        "set role app",
        "set role postgres",
        "set session authorization app",
        "set session_replication_role = replica",
        "create role x",
        "alter role app superuser",
    ],
    "run the server": [
        "alter system set work_mem = '1MB'",
        "select pg_reload_conf()",
        "select pg_rotate_logfile()",
        "checkpoint",
        "select pg_switch_wal()",
        "select pg_promote()",
        "select pg_wal_replay_pause()",
        "select pg_create_restore_point('x')",
        "select pg_backup_start('x')",
        "select pg_create_physical_replication_slot('x')",
        "select pg_drop_replication_slot('replica_1')",
        "select pg_stat_reset()",
        "select pg_stat_reset_shared('bgwriter')",
        "select pg_stat_statements_reset()",
    ],
}
STATEMENTS = [(what, statement) for what, each in POSTGRES.items() for statement in each]


@pytest.fixture(scope="module", params=["postgres-primary", "postgres-replica"])
def database(request: pytest.FixtureRequest, environment: Environment) -> PostgresTarget:
    found = environment.targets[request.param]
    assert isinstance(found, PostgresTarget)
    return found


@pytest.fixture(scope="module")
def session(database: PostgresTarget) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    with as_checker(database) as connection:
        yield connection


def as_checker(database: PostgresTarget) -> psycopg.Connection[tuple[str, ...]]:
    """A session of the checker's role that has turned off what only looks like a protection."""
    return psycopg.connect(
        host=database.address,
        port=database.port,
        user=database.user,
        dbname=database.database,
        passfile=database.passfile,
        autocommit=True,
        options="-c default_transaction_read_only=off",
    )


@pytest.mark.parametrize(("what", "statement"), STATEMENTS, ids=[each for _, each in STATEMENTS])
def test_postgresql_refuses(
    database: PostgresTarget, session: psycopg.Connection[tuple[str, ...]], what: str, statement: str
) -> None:
    replica = (errors.ReadOnlySqlTransaction,) if database.upstream else ()
    with pytest.raises((errors.InsufficientPrivilege, *replica)):
        session.execute(statement.encode())


@pytest.mark.parametrize("function", ["pg_terminate_backend", "pg_cancel_backend"])
@pytest.mark.parametrize("whose", ["app", postgres.SUPERUSER])
def test_postgresql_refuses_to_end_the_sessions_of_others(
    live: Lab, database: PostgresTarget, function: str, whose: str
) -> None:
    with session_of(live, database, whose) as victim, as_checker(database) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(f"select {function}({victim.info.backend_pid})".encode())
        assert victim.execute(b"select 1").fetchone() == (1,)


def session_of(live: Lab, database: PostgresTarget, role: str) -> psycopg.Connection[tuple[str, ...]]:
    if role == postgres.SUPERUSER:
        return postgres.superuser(database)
    passfile = str(identities.passfile(live, role))
    return psycopg.connect(host=database.address, user=role, dbname=database.database, passfile=passfile)


@pytest.mark.parametrize(
    "statement",
    [
        "alter role scaling_ro set work_mem = default",
        "select pg_advisory_unlock_all()",
        "notify x",
        "select pg_export_snapshot()",
    ],
)
def test_a_limit_postgresql_lets_every_role_change_its_own_settings_and_signal_others(
    environment: Environment, statement: str
) -> None:
    """Its own password as well. `postgres-overrides` goes red for settings of a role that monitors."""
    primary = environment.targets["postgres-primary"]
    assert isinstance(primary, PostgresTarget)
    with as_checker(primary) as connection:
        connection.execute(statement.encode())
        connection.execute(b"alter role scaling_ro reset all")


# ------------------------------------------------------------------------------------------- PgBouncer


@pytest.fixture(scope="module")
def pooler(environment: Environment) -> PgbouncerTarget:
    found = environment.targets["pgbouncer"]
    assert isinstance(found, PgbouncerTarget)
    return found


@pytest.mark.parametrize(
    "command",
    [
        *("PAUSE", "PAUSE appdb", "RESUME", "DISABLE appdb", "ENABLE appdb", "KILL appdb", "SUSPEND"),
        *("SET max_client_conn = 1", "RELOAD", "RECONNECT", "WAIT_CLOSE", "SHUTDOWN", "SHOW FDS"),
    ],
)
def test_the_console_of_pgbouncer_refuses(pooler: PgbouncerTarget, command: str) -> None:
    with pytest.raises(psycopg.Error, match="admin access needed"), _console(pooler) as console:
        console.execute(command.encode())
    with sql.session(pooler, SECONDS, sql.CONSOLE) as console:
        assert {each["paused"] for each in sql.rows(console, "SHOW DATABASES")} == {0}


def _console(pooler: PgbouncerTarget) -> psycopg.Connection[tuple[str, ...]]:
    return psycopg.connect(
        host=pooler.address,
        port=pooler.port,
        user=pooler.user,
        dbname=sql.CONSOLE,
        passfile=pooler.passfile,
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    )


# -------------------------------------------------------------------------------------- Redis, Sentinel

REDIS = (
    *(
        "SET cache:v1:value:x 1",
        "DEL cache:v1:front:1",
        "EXPIRE cache:v1:front:1 1",
        "RENAME cache:a cache:b",
    ),
    *("GET cache:v1:front:1", "MGET cache:v1:front:1", "DUMP cache:v1:front:1", "GETDEL cache:v1:front:1"),
    *("KEYS *", "SCAN 0", "TYPE cache:v1:front:1", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SELECT 1"),
    *("CONFIG SET maxmemory 0", "CONFIG REWRITE", "CONFIG RESETSTAT", "DEBUG SLEEP 0", "SHUTDOWN NOSAVE"),
    *("EVAL return(1) 0", "SCRIPT FLUSH", "FUNCTION FLUSH", "MODULE LIST", "SAVE", "BGSAVE", "BGREWRITEAOF"),
    *("REPLICAOF NO ONE", "PSYNC ? -1", "SYNC", "FAILOVER", "MONITOR", "CLIENT LIST", "CLIENT KILL ID 1"),
    *("ACL LIST", "ACL GETUSER app", "ACL SETUSER checker +@all", "ACL LOAD", "ACL SAVE", "ACL DELUSER app"),
    *("PUBLISH x y", "SUBSCRIBE x", "SLOWLOG RESET", "LATENCY RESET", "MULTI", "WATCH cache:v1:front:1"),
)
SESSIONS = ("CONFIG GET masterauth", "CONFIG GET *", "RANDOMKEY", "PTTL session:1", "TTL session:1")
SENTINEL = (
    *("SENTINEL FAILOVER sessions", "SENTINEL SET sessions quorum 1", "SENTINEL RESET *"),
    *("SENTINEL REMOVE sessions", "SENTINEL MONITOR x 127.0.0.1 1 1", "SENTINEL FLUSHCONFIG"),
    *("SENTINEL CONFIG SET announce-port 1", "SENTINEL SIMULATE-FAILURE crash-after-election"),
    *("SHUTDOWN", "ACL SETUSER checker +@all", "CLIENT LIST", "SUBSCRIBE x"),
)
REFUSED = [
    *(("redis-cache", command) for command in REDIS),
    *((name, command) for name in ("redis-sessions", "redis-sessions-replica") for command in REDIS),
    *((name, command) for name in ("redis-sessions", "redis-sessions-replica") for command in SESSIONS),
    *(("redis-cache", command) for command in ("PTTL session:1", "PTTL other", "PEXPIRE cache:v1:front:1 1")),
    *(("sentinel-1", command) for command in SENTINEL),
]


@pytest.fixture(scope="module")
def caches(environment: Environment) -> Iterator[dict[str, redis.Redis]]:
    clients = {
        target.id: redis.Redis(
            target.address,
            target.port,
            username=target.user,
            password=Path(target.password_file).read_text(),
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
        )
        for target in environment.targets.values()
        if isinstance(target, RedisTarget | SentinelTarget)
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize(("name", "command"), REFUSED, ids=[": ".join(each) for each in REFUSED])
def test_redis_refuses(caches: dict[str, redis.Redis], name: str, command: str) -> None:
    with pytest.raises(redis.ResponseError, match=r"no permissions|NOPERM|DEBUG command not allowed"):
        caches[name].execute_command(*command.split())  # type: ignore[no-untyped-call]


# --------------------------------------------------------------------------------------------- HAProxy


@pytest.fixture(scope="module")
def haproxy(environment: Environment) -> HaproxyTarget:
    found = environment.targets["haproxy"]
    assert isinstance(found, HaproxyTarget)
    return found


def said(haproxy: HaproxyTarget, command: str) -> str:
    """The answer of the socket that the checker uses."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(haproxy.operator_socket)
        connection.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


@pytest.mark.parametrize(
    "command",
    [
        *("disable server app/app-1", "enable server app/app-1", "set server app/app-1 state maint"),
        *("set server app/app-1 weight 1", "set server app/app-1 addr 10.0.0.1", "set weight app/app-1 1"),
        *("add server app/x 10.0.0.1:80", "del server app/app-1", "disable health app/app-1"),
        *("disable frontend web", "shutdown frontend web", "set maxconn frontend web 1"),
        *(
            "set maxconn global 1",
            "set rate-limit connections global 1",
            "shutdown sessions server app/app-1",
        ),
        *("new ssl cert x", "commit ssl cert x", "del ssl cert x", "clear counters all", "expert-mode on"),
        *("set profiling tasks on", "set dynamic-cookie-key backend app x"),
    ],
)
def test_the_operators_socket_of_haproxy_refuses(haproxy: HaproxyTarget, command: str) -> None:
    assert said(haproxy, command).startswith("Permission denied")


@pytest.mark.parametrize(
    ("command", "answer"),
    [("clear counters", ""), ("add acl #999 x", "Unknown ACL"), ("add map #999 x y", "Unknown map"),
     ("clear table nothing", "No such table"), ("show env", "PATH=")],
)  # fmt: skip
def test_a_limit_the_operators_socket_of_haproxy_does_not_refuse(
    haproxy: HaproxyTarget, command: str, answer: str
) -> None:
    """Entries of ACLs, maps and tables may be changed at any level, and the environment may be read.

    The checker sends `show info`, `show stat`, `show servers state` and nothing else; whoever else may open
    the socket is a matter of its mode.
    """
    assert said(haproxy, command).startswith(answer)
    assert not said(haproxy, command).startswith("Permission denied")


# -------------------------------------------------------------------------------------------- Supabase


@pytest.fixture(scope="module")
def project(environment: Environment) -> SupabaseTarget:
    found = environment.targets["supabase-stand-in"]
    assert isinstance(found, SupabaseTarget)
    return found


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/billing/addons", "/config/disk", "/database/query", "/api-keys"])
def test_supabase_refuses(project: SupabaseTarget, method: str, path: str) -> None:
    """By the stand-in, which knows the scopes of the token as the real one does; that one is never asked."""
    assert not [scope for scope in SCOPES if not scope.endswith("_read")]
    token = Path(str(project.token_file)).read_text().strip()
    answer = httpx.request(
        method,
        f"http://{project.address}:{project.http}/v1/projects/{project.project}{path}",
        headers={"Authorization": f"Bearer {token}"},
        json={},
    )
    assert answer.status_code == 403
