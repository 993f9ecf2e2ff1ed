"""What goes on in a database: who holds what, and what is counted, just now and since the counters began.

An average since the counters began hides what began today; a sample of less than a second sees only a storm.
So a pace is the worse of the two.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scaling_guide.probes.observation import HOLDER, Undetermined
from scaling_guide.systems.sql import session as sql

# servers tell their counters once a second at most, so twice the time would hardly see more
SAMPLE_SECONDS = 0.2
# below so many checkpoints a backup or two make a tenth of them
CHECKPOINTS_NEEDED = 20

_DAY = 86400.0
_CHECKPOINTER = 170000


@contextmanager
def sampled(connection: sql.Connection, values: dict[str, Any], primary: bool) -> Iterator[None]:
    """Add to `values` what is counted before and after the body, which need not take long."""
    began, first = time.monotonic(), sql.row(connection, _COUNTERS)
    yield
    time.sleep(max(0.0, SAMPLE_SECONDS - (time.monotonic() - began)))
    second = sql.row(connection, _COUNTERS)
    seconds = time.monotonic() - began
    if primary:
        values["deadlocks > a day"] = a_day("deadlocks", first, second, seconds)
        spilled = max(0, second["spilled"] - first["spilled"])
        values["temporary files > now"] = f"{int(second['open']) + spilled}B"
        values |= _checkpoints(connection)
    else:
        values["conflicts > a day"] = a_day("conflicts", first, second, seconds)


def a_day(name: str, first: Mapping[str, Any], second: Mapping[str, Any], seconds: float) -> float:
    """How many there are a day: since the counters began, or at the pace of the sample where that is worse.

    What was counted on the first day counts for a whole one.
    """
    average = second[name] / max(1.0, float(second["age"]) / _DAY)
    pace = (second[name] - first[name]) * _DAY / seconds
    return float(round(max(average, pace), 1))


def _checkpoints(connection: sql.Connection) -> dict[str, Any]:
    """The share of checkpoints that did not wait for their time, once there are enough to tell.

    Where none was forced, more of them would not make it worse.
    """
    newer = connection.info.server_version >= _CHECKPOINTER
    found = sql.row(connection, _CHECKPOINTS_17 if newer else _CHECKPOINTS)
    count = found["timed"] + found["forced"]
    share: Any = f"{100 * found['forced'] / count:.1f}%" if count else None
    if not count:
        share = Undetermined("no checkpoint since the counters began", empty=True)
    elif found["forced"] and count < CHECKPOINTS_NEEDED:
        share = Undetermined(f"{count} checkpoints since the counters began; {CHECKPOINTS_NEEDED} are needed")
    return {"checkpoints > forced": share}


def now(connection: sql.Connection) -> dict[str, Any]:
    """Transactions that hold others up, by role, and whoever keeps dead rows alive for longest."""
    activity = sql.row(connection, _ACTIVITY)
    horizon = sql.rows(connection, _HORIZON)
    values: dict[str, Any] = {
        "transactions > idle": activity["idle"],
        "locks > blocked": activity["blocked"],
        "horizon > held back": horizon[0]["age"] if horizon else 0,
    }
    values |= {f"role > {each['role']} > oldest transaction": f"{each['ms']}ms"
               for each in sql.rows(connection, _OLDEST)}  # fmt: skip
    holders = {
        "transactions > idle": activity["idlers"],
        "locks > blocked": activity["blockers"],
        "horizon > held back": horizon[0]["holder"] if horizon else None,
    }
    return values | {f"{setting} > {HOLDER}": holder for setting, holder in holders.items() if holder}


# what was written to temporary files is counted when they go; files shared by parallel workers only then
_COUNTERS = """
select deadlocks, conflicts, temp_bytes as spilled,
  (select coalesce(sum(size), 0) from pg_ls_tmpdir()) as open,
  extract(epoch from clock_timestamp() - greatest(d.stats_reset, b.stats_reset)) as age
from pg_stat_database d cross join pg_stat_archiver b where d.datname = current_database()
"""
_CHECKPOINTS = "select checkpoints_timed as timed, checkpoints_req as forced from pg_stat_bgwriter"
_CHECKPOINTS_17 = "select num_timed as timed, num_requested as forced from pg_stat_checkpointer"
_ACTIVITY = """
with seen as (
  select pid, usename, state, state like 'idle in transaction%'
      and state_change < clock_timestamp() - interval '2 seconds' as idle,
    case when wait_event_type = 'Lock' and query_start < clock_timestamp() - interval '1 second'
      then pg_blocking_pids(pid) else '{}' end as blockers
  from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid())
select count(*) filter (where idle) as idle, count(*) filter (where cardinality(blockers) > 0) as blocked,
  string_agg(format('session %s of %s', pid, usename), ', ' order by pid) filter (where idle) as idlers,
  (select string_agg(format('behind session %s of %s, %s', pid, usename, state), ', ' order by pid)
    from seen where pid in (select unnest(blockers) from seen) and cardinality(blockers) = 0) as blockers
from seen
"""
_OLDEST = """
select r.rolname as role,
  coalesce(round(extract(epoch from clock_timestamp() - min(a.xact_start)) * 1000), 0)::bigint as ms
from pg_roles r left join pg_stat_activity a
  on a.usesysid = r.oid and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
where r.rolcanlogin and not r.rolsuper group by 1
"""
# a vacuum by itself does not hold back what another removes; while a transaction with a number is not over,
# everybody sees the database without it, and so looks as old as that one
_HORIZON = """
select holder, age from (
  select 1 as rank, format('prepared transaction %s', gid) as holder, age(transaction) as age
  from pg_prepared_xacts
  union all
  select 2, format('session %s of %s', pid, coalesce(usename, backend_type)), age(backend_xid)
  from pg_stat_activity
  union all
  select 3, format('session %s of %s', pid, coalesce(usename, backend_type)), age(backend_xmin)
  from pg_stat_activity
  where backend_type not in ('walsender', 'autovacuum worker') and pid <> pg_backend_pid()
  union all
  select 4, format('slot %s', slot_name), greatest(age(xmin), age(catalog_xmin)) from pg_replication_slots
  union all
  select 5, format('replica %s by its feedback', application_name), age(backend_xmin) from pg_stat_replication
) holders where age is not null order by age desc, rank limit 1
"""
