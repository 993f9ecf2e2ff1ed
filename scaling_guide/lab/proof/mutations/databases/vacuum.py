"""What no vacuum has cleaned up: dead rows, and transaction numbers that run out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations.databases.statements import PROOF, execute, postgres_of, statements
from scaling_guide.lab.proof.mutations.forms import Table, edited
from scaling_guide.model.record import System

P = System.POSTGRES


@asynccontextmanager
async def transactions_old(bench: Bench) -> AsyncIterator[str]:
    """Transaction numbers were used up, and no vacuum froze what they left."""
    await bench.restore()
    lines = r"\1\nautovacuum_freeze_max_age = 100000\nautovacuum_naptime = 1h"
    async with edited((r"^(jit = .*)", lines))(bench):
        target = postgres_of(bench)
        await execute(target, f"create table {PROOF} (id bigint primary key)", _BURN, f"drop table {PROOF}")
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


_BLOATED = f"""
create table {PROOF} (id bigint primary key, filler text) with (autovacuum_enabled = off);;
insert into {PROOF} select n, repeat('x', 200) from generate_series(1, 60000) n;;
delete from {PROOF} where id % 2 = 0
"""


MUTATIONS: Table = {
    ("autovacuum-off", P): statements(
        "alter table app.customers set (autovacuum_enabled = off)",
        "alter table app.customers reset (autovacuum_enabled)",
    ),
    ("table-bloated", P): statements(_BLOATED, f"drop table if exists {PROOF}"),
    ("transactions-old", P): transactions_old,
}
