"""Sessions that hold what others need."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import psycopg

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations.databases.statements import LAND_SECONDS, postgres_of, until
from scaling_guide.lab.proof.mutations.forms import Table
from scaling_guide.lab.servers import postgres
from scaling_guide.model.environments import PostgresTarget
from scaling_guide.model.record import System

P = System.POSTGRES


# a little more than the checks take for long
IDLE_SECONDS = 2.2


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


MUTATIONS: Table = {
    ("transaction-left-open", P): transaction_left_open,
    ("lock-held", P): lock_held,
    ("connections-taken", P): connections_taken,
}
