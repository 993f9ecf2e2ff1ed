"""Indexes that no query used: on the primary and on every replica, for long enough to say so."""

import time
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import CannotObserve, Undetermined
from scaling_guide.systems.postgres.settings import NONE
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

# a report of the month's first day must have had its chance
DAYS_NEEDED = 30
# below this nobody misses the space
SMALLEST_INDEX = 8 * 2**20

_SETTING = "indexes > unused"


def unused(
    environment: Environment, target: PostgresTarget, connection: sql.Connection, ends: float
) -> dict[str, Any]:
    """The large indexes of the primary that no query used, or why that cannot be determined.

    An index that was used once is used, so where each was, neither the replicas nor the time matter. `ends`
    is when, by the monotonic clock, the replicas must have answered.
    """
    found = [sql.row(connection, _UNUSED, {"size": SMALLEST_INDEX})]
    if not found[0]["names"]:
        return {_SETTING: NONE}
    for replica in environment.targets.values():
        if isinstance(replica, PostgresTarget) and replica.upstream == target.id:
            try:
                with sql.session(replica, max(0.1, ends - time.monotonic())) as there:
                    found.append(sql.row(there, _UNUSED, {"size": SMALLEST_INDEX}))
            except CannotObserve as reason:
                return {_SETTING: Undetermined(f"a replica may use them: {reason}")}
    # one that a replica does not have yet is not used there
    nowhere = set(found[0]["names"]).difference(*(each["used"] or [] for each in found))
    if not nowhere:
        return {_SETTING: NONE}
    days = min(float(each["days"]) for each in found)
    if days < DAYS_NEEDED:
        return {_SETTING: Undetermined(f"the counters began {days:.1f} days ago; {DAYS_NEEDED} are needed")}
    return {_SETTING: ", ".join(sorted(nowhere))}


# what keeps something unique or belongs to a constraint does its work without being scanned; a partition's
# index is judged with those of the others
_UNUSED = """
with used as (
  select i.indexrelid, s.idx_scan,
    coalesce(pg_partition_root(i.indexrelid), i.indexrelid) as top
  from pg_index i join pg_stat_user_indexes s using (indexrelid)
  where i.indisvalid and not i.indisunique
  and not exists (select from pg_constraint c where c.conindid = i.indexrelid))
select
  (select array_agg(top::regclass::text) from (
    select top from used group by top
    having sum(idx_scan) = 0 and sum(pg_relation_size(indexrelid)) >= %(size)s) unused) as names,
  (select array_agg(top::regclass::text) from (
    select top from used group by top having sum(idx_scan) > 0) used) as used,
  (select extract(epoch from now() - greatest(d.stats_reset, b.stats_reset)) / 86400
    from pg_stat_database d cross join pg_stat_archiver b where d.datname = current_database()) as days
"""
