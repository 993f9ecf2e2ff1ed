"""How PostgreSQL and what stands in front of it break in real life."""

import asyncio
import contextlib
import os
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import psycopg

from scaling_guide.lab import files, waiting
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations.forms import Applied, Table, edited
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.lab.servers import identities, pgbouncer, postgres
from scaling_guide.model.environments import PgbouncerTarget, PostgresTarget
from scaling_guide.model.record import System

P, B = System.POSTGRES, System.PGBOUNCER

LAND_SECONDS = 10.0
# a little more than the checks take for long
IDLE_SECONDS = 2.2
BLOCKED_SECONDS = 1.2
PROOF = "app.proof"


def _postgres(bench: Bench) -> PostgresTarget:
    assert isinstance(bench.target, PostgresTarget)
    return bench.target


def _primary(bench: Bench) -> PostgresTarget:
    target = _postgres(bench)
    primary = bench.environment.targets[target.upstream] if target.upstream else target
    assert isinstance(primary, PostgresTarget)
    return primary


async def _sql(target: PostgresTarget, *statements: str) -> None:
    """Statements by the superuser, each on its own. Raises DidNotLand with what the server says."""
    try:
        for statement in statements:
            await asyncio.to_thread(postgres.execute, target, statement)
    except psycopg.Error as error:
        raise DidNotLand(str(error).strip()) from None


async def _until(bench: Bench, target: PostgresTarget, query: str) -> None:
    """Wait until a query by the superuser has a row. Raises DidNotLand."""

    async def missing() -> str | None:
        with contextlib.suppress(psycopg.Error):
            if await asyncio.to_thread(postgres.ask, target, query):
                return None
        return f"there was no row of: {query}"

    try:
        await waiting.until(missing, LAND_SECONDS)
    except TimeoutError as error:
        raise DidNotLand(f"{bench.target.id}: {error}") from None


async def _replayed(bench: Bench) -> None:
    """Wait until a replica has carried out what its primary has written."""
    target, primary = _postgres(bench), _primary(bench)
    if target is not primary:
        lsn = (await asyncio.to_thread(postgres.ask, primary, "select pg_current_wal_lsn()::text"))[0][0]
        await _until(bench, target, f"select 1 where pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn")


def statements(do: str, undo: str) -> Applied:
    """SQL by the superuser on the primary, and its inverse."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        primary = _primary(bench)
        try:
            await _sql(primary, *_split(do))
            await _replayed(bench)
            yield do
        finally:
            await _sql(primary, *_split(undo))
            await _replayed(bench)

    return applied


@asynccontextmanager
async def override_missing(bench: Bench) -> AsyncIterator[str]:
    """A role lost the time limit of its own, and has the server's, which is no limit for a request."""
    await bench.restore()
    do = "alter role app reset statement_timeout"
    try:
        await _sql(_postgres(bench), do)
        yield do
    finally:
        await _sql(_postgres(bench), bench.pristine[postgres.IDENTITIES])


def _split(sql: str) -> list[str]:
    return [part.strip() for part in sql.split(";;") if part.strip()]


def table(columns: str) -> Applied:
    """A table that nobody should have made."""
    return statements(f"create table {PROOF} ({columns})", f"drop table if exists {PROOF}")


@asynccontextmanager
async def index_invalid(bench: Bench) -> AsyncIterator[str]:
    """A unique index that was built concurrently over rows that are not unique."""
    await bench.restore()
    target = _postgres(bench)
    try:
        await _sql(
            target,
            f"create table {PROOF} (id bigint primary key, code int)",
            f"insert into {PROOF} select n, 1 from generate_series(1, 2) n",
        )
        with contextlib.suppress(DidNotLand):
            await _sql(target, f"create unique index concurrently proof_code on {PROOF} (code)")
        yield "create unique index concurrently, over duplicates"
    finally:
        await _sql(target, f"drop table if exists {PROOF}")


# ---------------------------------------------------------------------------------------------- the files


@asynccontextmanager
async def reload_forgotten(bench: Bench) -> AsyncIterator[str]:
    """The file changes, and nobody tells the server."""
    await bench.restore()
    pattern = r"^(work_mem|default_pool_size) = [0-9]+"
    texts = {name: re.sub(pattern, r"\1 = 9", text, flags=re.M) for name, text in bench.pristine.items()}
    files.write(bench.directory, {name: text for name, text in texts.items() if text != bench.pristine[name]})
    try:
        yield "another value on disk, not reloaded"
    finally:
        files.write(bench.directory, bench.pristine)
        await bench.take_effect()


@asynccontextmanager
async def reload_refused(bench: Bench) -> AsyncIterator[str]:
    """The file has an error, so that a reload changed nothing at all."""
    await bench.restore()
    text = bench.pristine["postgresql.conf"] + "no_such_setting = on\n"
    files.write(bench.directory, {"postgresql.conf": text})
    try:
        with contextlib.suppress(ReloadRefused):
            await postgres.reloaded(bench.pid, _postgres(bench))
            raise DidNotLand("the reload was not refused")
        yield "no_such_setting = on, reloaded and refused"
    finally:
        files.write(bench.directory, bench.pristine)
        await bench.take_effect()


def not_restarted(setting: str, value: str) -> Applied:
    """A setting that needs a restart, changed in the file and only reloaded."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        lines = bench.pristine["postgresql.conf"].splitlines(keepends=True)
        changed = [f"{setting} = {value}\n" if line.startswith(f"{setting} = ") else line for line in lines]
        files.write(bench.directory, {"postgresql.conf": "".join(changed)})
        try:
            pending = await postgres.reloaded(bench.pid, _postgres(bench))
            if setting not in pending:
                raise DidNotLand(f"{setting} does not wait for a restart")
            yield f"{setting} = {value}, not restarted"
        finally:
            files.write(bench.directory, bench.pristine)
            await bench.take_effect()

    return applied


@asynccontextmanager
async def altered_system(bench: Bench) -> AsyncIterator[str]:
    """A setting made by ALTER SYSTEM: the reviewed file does not say so, and loses against it.

    The same value as the file's, so that only where it comes from differs.
    """
    await bench.restore()
    target = _postgres(bench)
    try:
        await _sql(target, "alter system set log_lock_waits = on", "select pg_reload_conf()")
        await _until(bench, target, f"{_ALTERED} and sourcefile like '%auto.conf'")
        yield "alter system set log_lock_waits = on"
    finally:
        await _sql(target, "alter system reset all", "select pg_reload_conf()")
        await _until(bench, target, f"{_ALTERED} and sourcefile not like '%auto.conf'")


_ALTERED = "select 1 from pg_settings where name = 'log_lock_waits'"


# -------------------------------------------------------------------------------------------- sessions


@contextmanager
def _session(target: PostgresTarget, *sql: str) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    """A session of the superuser that ran something and stays open."""
    with postgres.superuser(target, target.database) as connection:
        for statement in ("set lock_timeout = 0", "set idle_in_transaction_session_timeout = 0", *sql):
            connection.execute(statement.encode())
        yield connection


@asynccontextmanager
async def transaction_left_open(bench: Bench) -> AsyncIterator[str]:
    """A client that began a transaction and went for something else."""
    await bench.restore()
    with _session(_postgres(bench), "begin", "select count(*) from app.customers"):
        await asyncio.sleep(IDLE_SECONDS)
        yield "begin; select"


@asynccontextmanager
async def lock_held(bench: Bench) -> AsyncIterator[str]:
    """One client locks a row and goes away with it, another waits for that row."""
    await bench.restore()
    target, wanted = _postgres(bench), "select id from app.customers where id = 1 for update"
    with _session(target, "begin", wanted) as holder, _session(target) as waiter:

        def wait() -> None:
            with contextlib.suppress(psycopg.Error):
                waiter.execute(wanted.encode())

        waiting_client = threading.Thread(target=wait, daemon=True)
        waiting_client.start()
        await asyncio.sleep(IDLE_SECONDS)
        try:
            yield wanted
        finally:
            holder.execute(b"rollback")
            await asyncio.to_thread(waiting_client.join, LAND_SECONDS)


@asynccontextmanager
async def connections_taken(bench: Bench) -> AsyncIterator[str]:
    """So many clients that hardly another one finds a place."""
    await bench.restore()
    target = _postgres(bench)
    limit = postgres.ask(target, "select (current_setting('max_connections')::int * 0.9)::int::text")
    with ExitStack() as stack:
        for _ in range(int(limit[0][0])):
            stack.enter_context(postgres.superuser(target))
        yield f"{limit[0][0]} clients"
    await _until(bench, target, "select 1 from pg_stat_activity where backend_type = 'client backend' "
                 "having count(*) < 20")  # fmt: skip


# ------------------------------------------------------------------------------------------ replication


@asynccontextmanager
async def replay_paused(bench: Bench) -> AsyncIterator[str]:
    """Replay was paused, for a look at old data, while the primary writes on."""
    await bench.restore()
    async with _paused(bench):
        await _write(bench, 1)
        yield "pg_wal_replay_pause()"


@asynccontextmanager
async def replay_far_behind(bench: Bench) -> AsyncIterator[str]:
    """More was written than a replica may be behind."""
    await bench.restore()
    async with _paused(bench):
        await _write(bench, 80)
        yield "80 MB written with replay paused"


@asynccontextmanager
async def _paused(bench: Bench) -> AsyncIterator[None]:
    target = _postgres(bench)
    await _sql(target, "select pg_wal_replay_pause()")
    await _until(bench, target, "select 1 where pg_get_wal_replay_pause_state() = 'paused'")
    try:
        yield
    finally:
        await _sql(target, "select pg_wal_replay_resume()")
        await _replayed(bench)


async def _write(bench: Bench, megabytes: int) -> None:
    """Have the primary write that much log and flush it, in records that change nothing."""
    message = "pg_logical_emit_message(true, 'proof', repeat('x', 1000000))"
    await _sql(_primary(bench), f"select count({message}) from generate_series(1, {megabytes})")


def receiver_lost(pattern: str, replacement: str) -> Applied:
    """A `primary_conninfo` that leads nowhere: the receiver is gone, and the usual lag query says 0."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        async with edited((pattern, replacement))(bench) as said:
            await _until(bench, _postgres(bench), _NOT_STREAMING)
            await _write(bench, 1)
            yield said
        await bench.restore()
        await _replayed(bench)

    return applied


_NOT_STREAMING = """
select 1 where not exists (select from pg_stat_wal_receiver where status = 'streaming')
"""


@asynccontextmanager
async def replica_stopped(bench: Bench) -> AsyncIterator[str]:
    """The replica is gone, its slot is not."""
    await bench.restore()
    target = _postgres(bench)
    replicas = bench.replicas
    for replica in replicas:
        await bench.order("stop", replica.id)
    try:
        await _until(bench, target, "select 1 where not exists (select from pg_stat_replication)")
        yield f"{', '.join(replica.id for replica in replicas)} stopped"
    finally:
        for replica in replicas:
            await bench.order("start", replica.id)
        await postgres.followed(target, len(replicas))


@asynccontextmanager
async def replica_promoted(bench: Bench) -> AsyncIterator[str]:
    """Somebody promoted the replica: two servers take writes."""
    await bench.restore()
    target, primary = _postgres(bench), _primary(bench)
    await _sql(target, "select pg_promote()")
    try:
        yield "pg_promote()"
    finally:
        await bench.order("stop")
        await asyncio.to_thread(postgres.rebuild, target, primary)
        await bench.order("start")
        await postgres.followed(primary, 1)


@asynccontextmanager
async def slot_lost(bench: Bench) -> AsyncIterator[str]:
    """A slot that fell further behind than it may: its log is gone, and with it its replica."""
    await bench.restore()
    target = _postgres(bench)
    small = edited((r"^max_slot_wal_keep_size = .*", "max_slot_wal_keep_size = 1MB"),
                   (r"^wal_keep_size = .*", "wal_keep_size = 0"))  # fmt: skip
    if target.upstream:
        # a replica has no slots, and the same settings for the day it is promoted
        async with small(bench) as said:
            yield said
        return
    try:
        await _sql(target, "select pg_create_physical_replication_slot('proof', true)")
        async with small(bench):
            await _write(bench, 40)
            await _sql(target, "select pg_switch_wal()", "checkpoint")
            await _until(bench, target, "select 1 from pg_replication_slots where wal_status = 'lost'")
            yield "max_slot_wal_keep_size = 1MB, 40 MB written"
    finally:
        await _sql(target, "select pg_drop_replication_slot('proof')")
        await bench.restore()


# ------------------------------------------------------------------------------------------------ age


@asynccontextmanager
async def transactions_old(bench: Bench) -> AsyncIterator[str]:
    """Transaction numbers were used up, and no vacuum froze what they left."""
    await bench.restore()
    lines = r"\1\nautovacuum_freeze_max_age = 100000\nautovacuum_naptime = 1h"
    async with edited((r"^(jit = .*)", lines))(bench):
        target = _postgres(bench)
        await _sql(target, f"create table {PROOF} (id bigint primary key)", _BURN, f"drop table {PROOF}")
        yield "80,000 transactions against a freeze limit of 100,000"
    await bench.restore()


# each of the inner blocks takes a transaction number
_BURN = f"""
do $$
begin
  for n in 1 .. 80000 loop
    begin
      insert into {PROOF} values (n);
    exception when unique_violation then null;
    end;
  end loop;
end
$$
"""


# ------------------------------------------------------------------------------------------- PgBouncer


def _pooler(bench: Bench) -> PgbouncerTarget:
    assert isinstance(bench.target, PgbouncerTarget)
    return bench.target


def console(do: str, undo: str) -> Applied:
    """A command on PgBouncer's console, and its inverse."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        try:
            await asyncio.to_thread(pgbouncer.tell, bench.lab, _pooler(bench), do)
            yield do
        finally:
            await asyncio.to_thread(pgbouncer.tell, bench.lab, _pooler(bench), undo)

    return applied


@asynccontextmanager
async def pool_saturated(bench: Bench) -> AsyncIterator[str]:
    """More clients with a transaction open than the pool has connections."""
    await bench.restore()
    target = _pooler(bench)
    settings = pgbouncer.settings(bench.lab, target)
    size = sum(int(settings[key][0]) for key in ("default_pool_size", "reserve_pool_size"))
    with ExitStack() as stack:
        for number in range(size + 2):
            client = stack.enter_context(_client(bench, target))
            begin = threading.Thread(target=_begin, args=(client,), daemon=True)
            begin.start()
            if number < size:
                # PgBouncer logs on to the server once at a time
                await asyncio.to_thread(begin.join, 0.3)
        await _waiting(bench, lambda clients, longest: longest >= 2)
        yield f"{size + 2} clients for {size} connections"
    await _waiting(bench, lambda clients, longest: clients == 0)


def _begin(client: psycopg.Connection[tuple[str, ...]]) -> None:
    with contextlib.suppress(psycopg.Error):
        client.execute(b"begin; select 1")


@contextmanager
def _client(bench: Bench, target: PgbouncerTarget) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    client = psycopg.connect(
        host=target.address,
        port=target.port,
        user="app",
        dbname=target.database,
        passfile=str(identities.passfile(bench.lab, "app")),
        autocommit=True,
        prepare_threshold=None,
    )
    try:
        yield client
    finally:
        # also where another thread waits for an answer on it
        with socket.socket(fileno=os.dup(client.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)


async def _waiting(bench: Bench, so: Callable[[int, float], bool]) -> None:
    """Return once it is so with the clients that wait and the longest wait. Raises DidNotLand."""

    async def missing() -> str | None:
        found = await asyncio.to_thread(pgbouncer.queue, bench.lab, _pooler(bench))
        return None if so(*found) else f"{found[0]} clients waited, the first for {found[1]:g} s"

    try:
        await waiting.until(missing, LAND_SECONDS)
    except TimeoutError as error:
        raise DidNotLand(str(error)) from None


def leading(database: str, to: str) -> Applied:
    """A database of PgBouncer that leads to another server than it should."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        target = _pooler(bench)
        other = bench.environment.targets[str(getattr(target, to))]
        change = edited((rf"^({target.database}{database} = host=)\S+", rf"\g<1>{other.address}"))
        async with change(bench) as said:
            yield said

    return applied


_PRELOAD = "shared_preload_libraries = "
_BLOATED = f"""
create table {PROOF} (id bigint primary key, filler text) with (autovacuum_enabled = off);;
insert into {PROOF} select n, repeat('x', 200) from generate_series(1, 60000) n;;
delete from {PROOF} where id % 2 = 0
"""
_FULL_SEQUENCE = f"""
create sequence {PROOF} as smallint;;
select setval('{PROOF}', 30000);;
grant select on sequence {PROOF} to scaling_ro
"""
# all partitions that begin later than in a month from now
_DETACH = """
do $$
declare
  name text;
begin
  for name in
    select relname from pg_inherits join pg_class c on c.oid = inhrelid
    where inhparent = 'app.events'::regclass and relname ~ '^events_[0-9]'
    and relname > 'events_' || to_char(now() + interval '1 month', 'YYYY_MM')
  loop
    execute format('alter table app.events detach partition app.%I', name);
  end loop;
end
$$
"""
_ATTACH = """
do $$
declare
  name text;
  month date;
begin
  for name in
    select relname from pg_class
    where relnamespace = 'app'::regnamespace and relkind = 'r' and not relispartition
    and relname ~ '^events_[0-9]'
  loop
    month := to_date(right(name, 7), 'YYYY_MM');
    execute format('alter table app.events attach partition app.%I for values from (%L) to (%L)',
      name, month, (month + interval '1 month')::date);
  end loop;
end
$$
"""

MUTATIONS: Table = {
    ("reload-forgotten", P): reload_forgotten,
    ("reload-refused", P): reload_refused,
    ("restart-forgotten", P): not_restarted("shared_buffers", "128MB"),
    ("standby-parameters-lower", P): not_restarted("max_connections", "50"),
    ("altered-system", P): altered_system,
    ("statements-not-loaded", P): edited((rf"^{_PRELOAD}.*", f"{_PRELOAD}'auto_explain'")),
    ("statements-extension-dropped", P): statements(
        "drop extension pg_stat_statements", "create extension pg_stat_statements"
    ),
    ("override-of-role", P): statements(
        "alter role app set work_mem = '1GB'", "alter role app reset work_mem"
    ),
    ("override-missing", P): override_missing,
    ("override-of-database", P): statements(
        "alter role app in database appdb set statement_timeout = '1h'",
        "alter role app in database appdb reset all",
    ),
    ("index-invalid", P): index_invalid,
    ("index-duplicate", P): statements(
        "create index proof on app.customers (email)", "drop index if exists app.proof"
    ),
    ("autovacuum-off", P): statements(
        "alter table app.customers set (autovacuum_enabled = off)",
        "alter table app.customers reset (autovacuum_enabled)",
    ),
    ("table-bloated", P): statements(_BLOATED, f"drop table if exists {PROOF}"),
    ("table-without-key", P): table("id bigint"),
    ("key-narrow", P): table("id integer primary key"),
    ("foreign-key-unindexed", P): table("id bigint primary key, customer_id bigint references app.customers"),
    ("sequence-full", P): statements(_FULL_SEQUENCE, f"drop sequence if exists {PROOF}"),
    ("sequence-unreadable", P): statements(
        "revoke select on sequence app.customers_id_seq from scaling_ro",
        "grant select on sequence app.customers_id_seq to scaling_ro",
    ),
    ("transaction-left-open", P): transaction_left_open,
    ("lock-held", P): lock_held,
    ("connections-taken", P): connections_taken,
    ("transactions-old", P): transactions_old,
    ("replay-paused", P): replay_paused,
    ("replay-far-behind", P): replay_far_behind,
    ("receiver-misdirected", P): receiver_lost(r"^(primary_conninfo = .*) port=[0-9]+", r"\1 port=1"),
    ("replica-stopped", P): replica_stopped,
    ("replica-promoted", P): replica_promoted,
    ("slot-orphaned", P): statements(
        "select pg_create_physical_replication_slot('proof')", "select pg_drop_replication_slot('proof')"
    ),
    ("slot-lost", P): slot_lost,
    ("password-in-conninfo", P): receiver_lost(
        r"^(primary_conninfo = .*) passfile=", r"\1 password=wrong passfile="
    ),
    ("partitions-missing", P): statements(_DETACH, _ATTACH),
    ("partition-stray", P): statements(
        "insert into app.events (at, kind) values (now() + interval '20 years', 'stray');; "
        "analyze app.events_default",
        "delete from app.events_default;; vacuum analyze app.events_default",
    ),
    ("pruning-off", P): edited((r"^(jit = .*)", r"\1\nenable_partition_pruning = off")),
    ("reload-forgotten", B): reload_forgotten,
    ("pool-size-by-console", B): console("SET default_pool_size=30", "RELOAD"),
    ("database-paused", B): console("PAUSE appdb", "RESUME appdb"),
    ("pool-saturated", B): pool_saturated,
    ("pooler-to-replica", B): leading("", "replica"),
    ("readers-to-primary", B): leading("_ro", "primary"),
    ("files-limited", B): edited((r"^LimitNOFILE=.*", "LimitNOFILE=512")),
}
