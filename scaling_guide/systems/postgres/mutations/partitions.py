"""Months that nobody made: their rows are in the default partition, or nowhere."""

from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres.mutations.changes import in_a_hurry
from scaling_guide.systems.postgres.mutations.statements import statements

# this month and all that follow, with their rows
_DROP = """
do $$
declare
  name text;
begin
  for name in
    select inhrelid::regclass from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'app.events'::regclass and relname ~ '^events_[0-9]'
    and relname >= 'events_' || to_char(now(), 'YYYY_MM')
  loop
    execute 'drop table ' || name;
  end loop;
end
$$
"""
_MAKE = """
do $$
declare
  month timestamptz;
begin
  for ahead in 0 .. 12 loop
    month := date_trunc('month', now()) + ahead * interval '1 month';
    execute format('create table app.%I partition of app.events for values from (%L) to (%L)',
      'events_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
  end loop;
end
$$
"""
_NONE = "drop table if exists app.events_default, app.events_strays"
_DEFAULT = "create table app.events_default partition of app.events default"


_MOVE = """
begin;
alter table app.events detach partition app.events_default;
do $$
declare
  month timestamptz := date_trunc('month', now());
begin
  execute format('create table app.%I partition of app.events for values from (%L) to (%L)',
    'events_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
end
$$;
with gone as (
  delete from app.events_default where at < date_trunc('month', now()) + interval '1 month' returning *)
insert into app.events overriding system value select * from gone;
alter table app.events attach partition app.events_default default;
commit
"""


def not_rolled(rows: int) -> Applied:
    """All of this month's rows are in the default partition, and one of a client with a wrong clock."""
    fill = f"""
    insert into app.events (at, kind)
    select date_trunc('month', now()) + n * (now() - date_trunc('month', now())) / {rows}, 'visit'
    from generate_series(1, {rows}) n;;
    insert into app.events (at, kind) values (now() + interval '20 years', 'wrong clock');;
    analyze app.events_default
    """
    return statements(f"{_DROP};; {fill}", f"{_NONE};; {_DROP};; {_MAKE};; {_DEFAULT}")


MUTATIONS: Mutations = {
    "partitions-not-rolled": not_rolled(300_000),
    "partitions-not-rolled-large": not_rolled(1_000_000),
    "partitions-gone": statements(f"{_DROP};; {_NONE}", f"{_NONE};; {_DROP};; {_MAKE};; {_DEFAULT}"),
    "rows-moved-under-lock": in_a_hurry("app.events", _MOVE, behind=False),
}
