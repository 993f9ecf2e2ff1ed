"""Index builds that failed, and what each of them left behind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.mutations.sessions import asleep
from scaling_guide.systems.postgres.mutations.statements import execute, postgres_of
from scaling_guide.systems.postgres.target import PostgresTarget

INDEX = "orders_by_status"
# what the application has made begins after the rows that the lab was given
_NEW = "id > 300000"
_CLEAR = f"delete from app.orders where {_NEW} and created_at < '2021-01-01'"


def gave_up(index: str) -> Applied:
    """A build that waited for a report that was older than itself, and lost its patience."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        target = postgres_of(bench)
        try:
            async with asleep(bench, target):
                await asyncio.to_thread(_fail, target, index)
            yield f"{index}, behind a report"
        finally:
            await execute(target, f"drop index if exists app.{INDEX}")

    return applied


@asynccontextmanager
async def over_duplicates(bench: Bench) -> AsyncIterator[str]:
    """A unique index over rows that are not unique; no row is there twice in the end."""
    await bench.restore()
    target = postgres_of(bench)
    row = "1, 'done', 10, timestamptz '2020-01-01' + n % 3 * interval '1 day'"
    await execute(
        target,
        "insert into app.orders (customer_id, status, total, created_at) "
        f"select {row} from generate_series(1, 6) n",
    )
    try:
        await asyncio.to_thread(
            _fail, target, "unique index concurrently {} on app.orders (created_at, customer_id)"
        )
        yield "create unique index concurrently, over duplicates"
    finally:
        await execute(target, f"drop index if exists app.{INDEX}", _CLEAR)


def _fail(target: PostgresTarget, index: str) -> None:
    """Try to build an index. Raises DidNotLand where none is left that is invalid."""
    with postgres.superuser(target, target.database) as session:
        with contextlib.suppress(psycopg.Error):
            session.execute(b"set lock_timeout = '200ms'")
            session.execute(f"create {index.format(INDEX)}".encode())
        left = session.execute(
            f"select from pg_index where indexrelid = to_regclass('app.{INDEX}') and not indisvalid".encode()
        )
        if left.fetchone() is None:
            raise DidNotLand("no invalid index was left behind")


MUTATIONS: Mutations = {
    "index-build-gave-up": gave_up("index concurrently {} on app.orders (status, created_at)"),
    # whoever wrote it forgot the customer
    "index-refusing-orders": gave_up(
        f"unique index concurrently {{}} on app.orders (status, total) where {_NEW}"
    ),
    "index-over-duplicates": over_duplicates,
}
