"""Sessions that hold what others need."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import psycopg

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import documented
from scaling_guide.lab.proof.mutations import Mutations
from scaling_guide.model.units import Unit, meaning
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.mutations.statements import LAND_SECONDS, execute, postgres_of, until
from scaling_guide.systems.postgres.target import PostgresTarget

# a little more than the checks take for long
IDLE_SECONDS = 2.2
MARGIN_SECONDS = 0.2


@contextmanager
def _session(target: PostgresTarget, *sql: str) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    """A session of the superuser that ran something and stays open."""
    with postgres.superuser(target, target.database) as connection:
        for statement in ("set lock_timeout = 0", "set idle_in_transaction_session_timeout = 0", *sql):
            connection.execute(statement.encode())
        yield connection


@contextmanager
def reading(target: PostgresTarget, table: str) -> Iterator[None]:
    """A session that has read a table and holds on to it; the server may end it meanwhile."""
    session = postgres.superuser(target, target.database)
    try:
        for statement in (
            "set idle_in_transaction_session_timeout = 0",
            "begin",
            f"select count(*) from {table}",
        ):
            session.execute(statement.encode())
        yield
    finally:
        session.close()


@asynccontextmanager
async def asleep(bench: Bench, target: PostgresTarget, role: str = postgres.SUPERUSER) -> AsyncIterator[None]:
    """A query of that role that is at work until the end of the context."""
    with _logged_in(bench, target, role) as session:
        session.execute(b"set statement_timeout = 0")

        def sleep() -> None:
            with contextlib.suppress(psycopg.Error):
                session.execute(b"select pg_sleep(600)")

        sleeper = threading.Thread(target=sleep, daemon=True)
        sleeper.start()
        try:
            await until(bench, target, f"{_ASLEEP} and usename = '{role}'")
            yield
        finally:
            session.cancel()
            await asyncio.to_thread(sleeper.join, LAND_SECONDS)


_ASLEEP = "select 1 from pg_stat_activity where wait_event = 'PgSleep'"


def _logged_in(bench: Bench, target: PostgresTarget, role: str) -> psycopg.Connection[tuple[str, ...]]:
    if role == postgres.SUPERUSER:
        return postgres.superuser(target, target.database)
    return psycopg.connect(
        host=target.address,
        port=target.port,
        user=role,
        dbname=target.database,
        passfile=str(identities.passfile(bench.lab, role)),
        autocommit=True,
    )


@asynccontextmanager
async def transaction_long(bench: Bench) -> AsyncIterator[str]:
    """A request whose transaction goes on and on."""
    await bench.restore()
    longest = float(meaning(documented(bench, "postgres-app-transaction"), Unit.DURATION)) / 1000
    async with asleep(bench, postgres_of(bench), "app"):
        await asyncio.sleep(longest + MARGIN_SECONDS)
        yield f"a transaction of app, {longest:g} s old"


@asynccontextmanager
async def temporary_files(bench: Bench) -> AsyncIterator[str]:
    """A result far larger than the memory for one lies on disk until its client has fetched it."""
    await bench.restore()
    target, most = postgres_of(bench), documented(bench, "postgres-temporary-files")
    rows = int(meaning(most, Unit.BYTES)) // 1000 + 1
    with _session(target) as session:
        pid = session.info.backend_pid
        rows_of = f"select repeat('x', 1000) from generate_series(1, {rows})"
        await asyncio.to_thread(session.execute, f"declare proof cursor with hold for {rows_of}".encode())
        yield f"{rows:,} rows of 1 kB in a cursor"
    # what it wrote is counted when it leaves, and belongs to nobody's sample
    await until(bench, target, f"select 1 where not exists (select from pg_stat_activity where pid = {pid})")


@asynccontextmanager
async def deadlocks(bench: Bench) -> AsyncIterator[str]:
    """Two requests that take the same locks in another order, again and again."""
    await bench.restore()
    target, count = postgres_of(bench), int(documented(bench, "postgres-deadlocks")) + 1
    soon = "set deadlock_timeout = '10ms'"
    with _session(target, soon) as one, _session(target, soon) as other:
        for _ in range(count):
            await asyncio.to_thread(_embrace, one, other)
    try:
        counted = "select 1 from pg_stat_database where datname = 'appdb' and deadlocks >="
        await until(bench, target, f"{counted} {count}")
        yield f"{count} deadlocks"
    finally:
        await execute(target, "select pg_stat_reset()", postgres.LOOKUP)


def _embrace(*sessions: psycopg.Connection[tuple[str, ...]]) -> None:
    """Let each of two sessions wait for what the other has, until the server ends one of them."""
    for number, session in enumerate(sessions):
        session.execute(f"begin; select pg_advisory_xact_lock({number})".encode())

    def wait(session: psycopg.Connection[tuple[str, ...]], number: int) -> None:
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            session.execute(f"select pg_advisory_xact_lock({number})".encode())
        session.execute(b"rollback")

    first = threading.Thread(target=wait, args=(sessions[0], 1), daemon=True)
    first.start()
    wait(sessions[1], 0)
    first.join(LAND_SECONDS)


@asynccontextmanager
async def transaction_left_open(bench: Bench) -> AsyncIterator[str]:
    """A client that began a transaction and went for something else."""
    await bench.restore()
    with _session(postgres_of(bench), "begin", "select count(*) from app.customers"):
        await asyncio.sleep(IDLE_SECONDS)
        yield "begin; select"


@asynccontextmanager
async def lock_held(bench: Bench) -> AsyncIterator[str]:
    """One client locks a row and goes away with it, another waits for that row."""
    await bench.restore()
    target, wanted = postgres_of(bench), "select id from app.customers where id = 1 for update"
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
    target = postgres_of(bench)
    limit = postgres.ask(target, "select (current_setting('max_connections')::int * 0.9)::int::text")
    with ExitStack() as stack:
        for _ in range(int(limit[0][0])):
            stack.enter_context(postgres.superuser(target))
        yield f"{limit[0][0]} clients"
    await until(bench, target, "select 1 from pg_stat_activity where backend_type = 'client backend' "
                 "having count(*) < 20")  # fmt: skip


MUTATIONS: Mutations = {
    "transaction-left-open": transaction_left_open,
    "lock-held": lock_held,
    "connections-taken": connections_taken,
    "transaction-long": transaction_long,
    "temporary-files": temporary_files,
    "deadlocks": deadlocks,
}
