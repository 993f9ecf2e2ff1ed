"""What no vacuum has cleaned up: dead rows, who keeps them, and transaction numbers that run out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import documented, edited
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres.driver import replicas
from scaling_guide.systems.postgres.mutations.sessions import asleep
from scaling_guide.systems.postgres.mutations.statements import (
    PROOF,
    execute,
    postgres_of,
    primary_of,
    replayed,
    statements,
    until,
)
from scaling_guide.systems.postgres.target import PostgresTarget

# the lowest autovacuum_freeze_max_age that a server takes
LIMIT = 100_000


@asynccontextmanager
async def transactions_old(bench: Bench) -> AsyncIterator[str]:
    """Transaction numbers were used up, and a forced vacuum cannot freeze what a query still sees."""
    await bench.restore()
    target = postgres_of(bench)
    used = LIMIT * 6 // 5
    limited = edited((r"^(jit = .*)", rf"\1\nautovacuum_freeze_max_age = {LIMIT}"))
    async with limited(bench), asleep(bench, target):
        await burn(target, used)
        yield f"{used:,} transactions behind a query, against a freeze limit of {LIMIT:,}"
    await bench.restore()


async def burn(target: PostgresTarget, numbers: int) -> None:
    """Use up so many transaction numbers: each of the inner blocks takes one."""
    await execute(target, f"create unlogged table {PROOF} (id bigint primary key)")
    block = f"begin insert into {PROOF} values (n); exception when unique_violation then null; end;"
    try:
        await execute(target, f"do $$ begin for n in 1 .. {numbers} loop {block} end loop; end $$")
    finally:
        await execute(target, f"drop table {PROOF}")


def horizon_held(where: Callable[[Bench], PostgresTarget]) -> Applied:
    """A query on that server began long ago, and every row that was deleted since is kept for it."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        server, held = where(bench), int(documented(bench, "postgres-horizon")) + 1
        try:
            async with asleep(bench, server):
                await burn(primary_of(bench), held)
                await _feedback(bench, f"{'<' if server is bench.target else '>='} {held}")
                yield f"a query on {server.id}, {held:,} transactions old"
        finally:
            await _feedback(bench, f"< {held}")

    return applied


async def _feedback(bench: Bench, age: str) -> None:
    """Have the replicas tell at once what their queries need, and wait until the primary knows."""
    for replica in replicas(bench):
        await replayed(bench, replica)
        await execute(replica, "select pg_reload_conf()")
        slot = f"select 1 from pg_replication_slots where slot_name = '{replica.slot}'"
        await until(bench, primary_of(bench), f"{slot} and age(xmin) {age}")


_BLOATED = f"""
create table {PROOF} (id bigint primary key, filler text) with (autovacuum_enabled = off);;
insert into {PROOF} select n, repeat('x', 200) from generate_series(1, 60000) n;;
delete from {PROOF} where id % 2 = 0
"""


MUTATIONS: Mutations = {
    "autovacuum-off": statements(
        "alter table app.customers set (autovacuum_enabled = off)",
        "alter table app.customers reset (autovacuum_enabled)",
    ),
    "table-bloated": statements(_BLOATED, f"drop table if exists {PROOF}"),
    "transactions-old": transactions_old,
    "horizon-held-by-session": horizon_held(primary_of),
    "horizon-held-by-replica": horizon_held(lambda bench: replicas(bench)[0]),
}
