"""What the server counts and forgets: checkpoints, statements, and the use of indexes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import documented, edited
from scaling_guide.lab.proof.mutations import Mutations
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.activity import CHECKPOINTS_NEEDED
from scaling_guide.systems.postgres.driver import replicas
from scaling_guide.systems.postgres.indexes import DAYS_NEEDED
from scaling_guide.systems.postgres.mutations.statements import execute, postgres_of
from scaling_guide.systems.postgres.target import PostgresTarget


@asynccontextmanager
async def checkpoints_forced(bench: Bench) -> AsyncIterator[str]:
    """Checkpoints that did not wait for their time."""
    await bench.restore()
    target = postgres_of(bench)
    try:
        await execute(target, *["checkpoint"] * CHECKPOINTS_NEEDED)
        yield f"{CHECKPOINTS_NEEDED} checkpoints at once"
    finally:
        await execute(target, "select pg_stat_reset_shared('bgwriter')")


@asynccontextmanager
async def statements_forgotten(bench: Bench) -> AsyncIterator[str]:
    """There is room for few statements, and the application sends many."""
    target = postgres_of(bench)
    limit = int(documented(bench, "postgres-statements-forgotten"))
    try:
        async with edited((r"^pg_stat_statements.max = .*", "pg_stat_statements.max = 100"))(bench):
            await asyncio.to_thread(_many_statements, target)
            forgotten = await asyncio.to_thread(postgres.ask, target, _FORGOTTEN, target.database)
            if int(forgotten[0][0]) <= limit:
                raise DidNotLand(f"statements were forgotten {forgotten[0][0]} times")
            yield "500 statements, room for 100"
    finally:
        await bench.restore()
        await execute(target, "select pg_stat_statements_reset()")


_FORGOTTEN = "select dealloc::text from pg_stat_statements_info"


def _many_statements(target: PostgresTarget) -> None:
    with postgres.superuser(target, target.database) as session:
        session.prepare_threshold = None
        for length in range(1, 501):
            session.execute(f"select {', '.join(['1'] * length)}".encode())


@asynccontextmanager
async def index_unused(bench: Bench) -> AsyncIterator[str]:
    """An index that no query used for longer than a month, on a server that was asked all the time."""
    await bench.restore()
    target = postgres_of(bench)
    servers = (target, *replicas(bench))
    await execute(target, "create index proof on app.orders (created_at, id, total)")
    try:
        for server in servers:
            await _age(bench, server, timedelta(days=DAYS_NEEDED + 1))
        await postgres.followed(target, len(replicas(bench)))
        yield f"an index without a scan, {DAYS_NEEDED + 1} days after the counters began"
    finally:
        await execute(target, "drop index if exists app.proof")
        for server in servers:
            await execute(server, "select pg_stat_reset(), pg_stat_reset_shared('bgwriter')")
        await execute(target, postgres.LOOKUP)


async def _age(bench: Bench, server: PostgresTarget, by: timedelta) -> None:
    """Let the counters of a server have begun earlier than they did. Raises DidNotLand."""
    found = await asyncio.to_thread(postgres.ask, server, _BEGAN)
    await bench.order("stop", server.id)
    kept = Path(server.data) / "pg_stat" / "pgstat.stat"
    content = kept.read_bytes()
    for (began,) in found:
        moment = int(began)
        earlier = moment - by // timedelta(microseconds=1)
        if (written := moment.to_bytes(8, "little")) not in content:
            raise DidNotLand(f"{kept} does not tell when the counters began")
        content = content.replace(written, earlier.to_bytes(8, "little"))
    # in place, since it belongs to the server's user
    kept.write_bytes(content)
    await bench.order("start", server.id)


# as PostgreSQL keeps it: microseconds since 2000
_BEGAN = """
select distinct (extract(epoch from stats_reset - '2000-01-01 00:00:00+00') * 1000000)::bigint::text from (
  select stats_reset from pg_stat_archiver union all
  select stats_reset from pg_stat_database where datname = 'appdb') counters
where stats_reset is not null
"""

MUTATIONS: Mutations = {
    "checkpoints-forced": checkpoints_forced,
    "statements-forgotten": statements_forgotten,
    "index-unused": index_unused,
}
