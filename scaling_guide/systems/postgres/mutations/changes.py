"""Changes of a table in a hurry: with a lock that stops everybody, often behind a transaction left open."""

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.mutations.statements import postgres_of
from scaling_guide.systems.postgres.target import PostgresTarget

HOLD_SECONDS = 6.0
# for a load that never comes
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.1


def in_a_hurry(table: str, *change: str, behind: bool = True) -> Applied:
    """Once others write to a table, somebody changes it, with no limit on the wait for its lock.

    `behind` a transaction that has written to the table, is left open, and ends some seconds later. The
    change goes on by itself, whatever becomes of the context.
    """

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        arguments = (postgres_of(bench), table, change, behind)
        threading.Thread(target=_act, args=arguments, daemon=True).start()
        yield "; ".join(change)

    return applied


def _act(target: PostgresTarget, table: str, change: Sequence[str], behind: bool) -> None:
    # the lab may be gone before this is done
    with (
        contextlib.suppress(psycopg.Error),
        postgres.superuser(target, target.database) as holder,
        postgres.superuser(target, target.database) as session,
    ):
        _written(session, table)
        if behind:
            holder.execute(f"begin; lock table {table} in row exclusive mode".encode())
            threading.Thread(target=_release, args=(holder,), daemon=True).start()
        for statement in ("set lock_timeout = 0", *change):
            session.execute(statement.encode())


def _release(holder: psycopg.Connection[tuple[str, ...]]) -> None:
    time.sleep(HOLD_SECONDS)
    with contextlib.suppress(psycopg.Error):
        holder.rollback()


def _written(session: psycopg.Connection[tuple[str, ...]], table: str) -> None:
    """Return once a row was added to the table, or after some patience."""
    newest = f"select max(id) from {table}".encode()
    first, end = session.execute(newest).fetchone(), time.monotonic() + PATIENCE_SECONDS
    while session.execute(newest).fetchone() == first and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)


MUTATIONS: Mutations = {
    "index-built-plainly": in_a_hurry(
        "app.orders", "create index orders_by_customer on app.orders (customer_id, created_at)"
    ),
    "index-dropped-plainly": in_a_hurry("app.orders", "drop index app.orders_by_status"),
}
