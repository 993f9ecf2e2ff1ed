"""Indexes, tables, keys, sequences and partitions that nobody should have left so."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres.mutations.statements import PROOF, execute, postgres_of, statements
from scaling_guide.systems.postgres.server import LOOKUP


def table(columns: str) -> Applied:
    """A table that nobody should have made."""
    return statements(f"create table {PROOF} ({columns})", f"drop table if exists {PROOF}")


@asynccontextmanager
async def index_invalid(bench: Bench) -> AsyncIterator[str]:
    """A unique index that was built concurrently over rows that are not unique."""
    await bench.restore()
    target = postgres_of(bench)
    try:
        await execute(
            target,
            f"create table {PROOF} (id bigint primary key, code int)",
            f"insert into {PROOF} select n, 1 from generate_series(1, 2) n",
        )
        with contextlib.suppress(DidNotLand):
            await execute(target, f"create unique index concurrently proof_code on {PROOF} (code)")
        yield "create unique index concurrently, over duplicates"
    finally:
        await execute(target, f"drop table if exists {PROOF}")


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


_MANY_PARTITIONS = f"""
create table {PROOF} (id bigint primary key) partition by range (id);;
do $$
begin
  for n in 1 .. 1001 loop
    execute format('create table {PROOF}_%s partition of {PROOF} for values from (%s) to (%s)', n, n, n + 1);
  end loop;
end
$$
"""


MUTATIONS: Mutations = {
    "index-invalid": index_invalid,
    "index-duplicate": statements(
        "create index proof on app.customers (email)", "drop index if exists app.proof"
    ),
    "index-missing": statements(
        "drop index app.orders_by_customer",
        f"create index if not exists orders_by_customer on app.orders (customer_id, created_at);; {LOOKUP}",
    ),
    "table-without-key": table("id bigint"),
    "key-narrow": table("id integer primary key"),
    "foreign-key-unindexed": table("id bigint primary key, customer_id bigint references app.customers"),
    "sequence-full": statements(_FULL_SEQUENCE, f"drop sequence if exists {PROOF}"),
    "sequence-unreadable": statements(
        "revoke select on sequence app.customers_id_seq from scaling_ro",
        "grant select on sequence app.customers_id_seq to scaling_ro",
    ),
    "partitions-many": statements(_MANY_PARTITIONS, f"drop table if exists {PROOF}"),
    "partitions-missing": statements(_DETACH, _ATTACH),
    "partition-stray": statements(
        "insert into app.events (at, kind) values (now() + interval '20 years', 'stray');; "
        "analyze app.events_default",
        "delete from app.events_default;; vacuum analyze app.events_default",
    ),
}
