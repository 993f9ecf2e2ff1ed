"""What a database looks like from the inside: indexes, keys, sequences, dead rows, partitions.

Everything is read with `pg_monitor` and SELECT on sequences; no table of the application is read.
"""

import time
from collections.abc import Mapping
from typing import Any

from psycopg import errors

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found, Undetermined
from scaling_guide.systems.postgres import activity as postgres_activity
from scaling_guide.systems.postgres import indexes as postgres_indexes
from scaling_guide.systems.postgres.settings import NONE
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

# below this nobody misses the space, and measuring is not worth a look at the pages
SMALLEST_TABLE = 8 * 2**20


def probe(environment: Environment, target: PostgresTarget, deadline: float) -> Found:
    """The health of the application's database on this server. Raises as `sql.session` does.

    What only a primary can change (indexes, keys, rows) is asked of the primary alone, apart from how often
    its replicas used an index.
    """
    ends = time.monotonic() + deadline
    with sql.session(target, deadline) as connection:
        values: dict[str, Any] = _statements(connection)
        with postgres_activity.sampled(connection, values, target.upstream is None):
            if target.upstream is None:
                populations = sql.row(connection, _POPULATIONS)
                values |= _names(connection, populations)
                values |= _counts(connection, populations)
                values |= postgres_activity.now(connection)
                values |= postgres_indexes.unused(environment, target, connection, ends)
        return sql.version(connection), values


def _statements(connection: sql.Connection) -> dict[str, Any]:
    """Whether statements are recorded where the application works, and shown, and how many are forgotten."""
    try:
        found = sql.row(connection, _STATEMENTS)
    except errors.UndefinedTable:
        recorded = "no: the extension pg_stat_statements is not created in this database"
    except errors.ObjectNotInPrerequisiteState:
        recorded = "no: pg_stat_statements is not in shared_preload_libraries"
    else:
        recorded = "no: the checker lacks pg_read_all_stats" if found["hidden"] else "yes"
        return {"statements > recorded": recorded, "statements > forgotten a day": float(found["forgotten"])}
    return {"statements > recorded": recorded, "statements > forgotten a day": "not recorded"}


def _names(connection: sql.Connection, populations: Mapping[str, int]) -> dict[str, Any]:
    """The names that each query finds; undetermined where there is nothing that could be found."""
    values: dict[str, Any] = {}
    for setting, query in _NAMES.items():
        names = sql.row(connection, query)["names"]
        kind = _KINDS.get(setting)
        is_empty = names is None and kind is not None and not populations[kind]
        values[setting] = _none_of(str(kind)) if is_empty else names or NONE
    return values


def _counts(connection: sql.Connection, populations: Mapping[str, int]) -> dict[str, Any]:
    sequences = sql.row(connection, _FULLEST)
    days = sql.row(connection, _PARTITIONS)["days"]
    bloat = sql.row(connection, _BLOAT, {"size": SMALLEST_TABLE})
    large = f"tables of {SMALLEST_TABLE // 2**20} MiB or more"
    partitioned, most = "partitioned tables", sql.row(connection, _MOST_PARTITIONS)["most"]
    return {
        "sequences > fullest": f"{sequences['share']}%"
        if populations["sequences"]
        else _none_of("sequences"),
        "bloat > worst table": f"{bloat['share']}%" if bloat["tables"] else _none_of(large),
        "bloat > tables": bloat["tables"],
        "wraparound > used": f"{sql.row(connection, _AGE)['share']}%",
        "partitions > days ahead": _none_of("tables partitioned by time") if days is None else days,
        "partitions > most": most if populations[partitioned] else _none_of(partitioned),
    }


def _none_of(kind: str) -> Undetermined:
    return Undetermined(f"there are no {kind}", empty=True)


# what the names of a query are drawn from
_KINDS: Mapping[str, str] = {
    "indexes > invalid": "indexes",
    "indexes > duplicate": "indexes",
    "foreign keys > without index": "foreign keys",
    "tables > without primary key": "tables",
    "keys > narrow": "primary keys",
    "sequences > hidden": "sequences",
    "autovacuum > off": "tables",
    "partitions > strays": "default partitions",
}

# the application's own tables
_OWN = (
    "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname not like 'pg\\_%%temp%%'"
)

_NAMES: Mapping[str, str] = {
    "indexes > invalid": """
        select string_agg(indexrelid::regclass::text, ', ') as names from pg_index
        where not indisvalid or not indisready
    """,
    "indexes > duplicate": """
        select string_agg(names, '; ') as names from (
          select string_agg(indexrelid::regclass::text, ' and ' order by indexrelid) as names from pg_index i
          join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
          where n.nspname not in ('pg_catalog', 'pg_toast') and indisvalid
          group by indrelid, indkey::text, indclass::text, indoption::text, indcollation::text,
            pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid)
          having count(*) > 1) d
    """,
    "foreign keys > without index": """
        select string_agg(k.conrelid::regclass || ' ' || k.conname, ', ') as names from pg_constraint k
        where k.contype = 'f' and not exists (
          select from pg_index i where i.indrelid = k.conrelid and i.indisvalid and i.indpred is null
          and (i.indkey::int2[])[0:array_length(k.conkey, 1) - 1] @> k.conkey)
    """,
    "tables > without primary key": f"""
        select string_agg(c.oid::regclass::text, ', ') as names
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and {_OWN}
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
    """,
    "keys > narrow": f"""
        select string_agg(c.oid::regclass || '.' || a.attname, ', ') as names
        from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
        where i.indisprimary and i.indnatts = 1 and {_OWN}
        and a.atttypid in ('int2'::regtype, 'int4'::regtype)
    """,
    "sequences > hidden": f"""
        select string_agg(c.oid::regclass::text, ', ') as names
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where {_OWN} and case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'SELECT, USAGE') end
    """,
    "checker > may": f"""
        select string_agg(what, ', ' order by what) as names from (
          select format('read %s tables', count(*)) as what from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p', 'm', 'f') and {_OWN} and has_table_privilege(c.oid, 'SELECT')
            having count(*) > 0
          union all
          select format('write to %s tables', count(*)) from pg_class c
            join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f')
            and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') having count(*) > 0
          union all
          select format('create in schema %s', nspname) from pg_namespace
            where nspname !~ '^pg_' and has_schema_privilege(oid, 'CREATE')
          union all
          select 'create schemas' where has_database_privilege(current_database(), 'CREATE')
          union all
          select 'create temporary tables' where has_database_privilege(current_database(), 'TEMPORARY')
          union all
          select format('run %s', name) from unnest(array['lo_create(oid)', 'lo_from_bytea(oid, bytea)',
            'pg_logical_emit_message(boolean, text, text)']) name
            where has_function_privilege(name, 'EXECUTE')
          union all
          select format('act as %s', rolname) from pg_roles where pg_has_role(oid, 'MEMBER')
            and rolname not in (current_user, 'pg_monitor', 'pg_read_all_settings', 'pg_read_all_stats',
              'pg_stat_scan_tables')
          union all
          select 'create databases, roles or replicas' from pg_roles
            where rolname = current_user and (rolsuper or rolcreatedb or rolcreaterole or rolreplication)
        ) rights
    """,
    "autovacuum > off": """
        select string_agg(oid::regclass::text, ', ') as names from pg_class
        where relkind in ('r', 'm', 't') and 'autovacuum_enabled=false' = any(
          select regexp_replace(o, '=(off|no|0|f)$', '=false') from unnest(reloptions) o)
    """,
    "partitions > strays": """
        select string_agg(c.oid::regclass::text, ', ') as names from pg_class c
        join pg_partitioned_table p on p.partdefid = c.oid
        where coalesce(pg_stat_get_live_tuples(c.oid), 0) > 0 or c.reltuples > 0
    """,
}
_POPULATIONS = f"""
with own as (select c.oid, c.relkind, c.relispartition from pg_class c join pg_namespace n
  on n.oid = c.relnamespace where {_OWN})
select
  (select count(*) from own where relkind in ('r', 'p')) as tables,
  (select count(*) from own where relkind in ('i', 'I')) as indexes,
  (select count(*) from own where relkind = 'S') as sequences,
  (select count(*) from own where relkind = 'p' and not relispartition) as "partitioned tables",
  (select count(*) from pg_constraint where contype = 'f') as "foreign keys",
  (select count(*) from pg_index join own on own.oid = indrelid where indisprimary) as "primary keys",
  (select count(*) from pg_partitioned_table where partdefid <> 0) as "default partitions"
"""
_STATEMENTS = """
select exists (select from pg_stat_statements where query = '<insufficient privilege>') as hidden,
  (select round(dealloc / greatest(1, extract(epoch from now() - stats_reset) / 86400), 1)
    from pg_stat_statements_info) as forgotten
"""
_FULLEST = """
select coalesce(round(100.0 * max((last_value - min_value)::numeric / (max_value - min_value)), 1), 0)
  as share from pg_sequences where increment_by > 0
"""
_BLOAT = """
select count(*) as tables, coalesce(round(max(a.dead_tuple_percent)::numeric, 1), 0) as share
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join lateral pgstattuple_approx(c.oid) a
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema')
and pg_relation_size(c.oid) >= %(size)s
"""
_AGE = """
select round(100.0 * max(age(datfrozenxid)) / current_setting('autovacuum_freeze_max_age')::int, 1) as share
from pg_database
"""
# tables that are partitioned by time; a bound of another type is no date
_PARTITIONS = """
with bounds as (
  select p.partrelid, (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \\(''([^'']+)''\\)'))[1] as bound
  from pg_partitioned_table p join pg_inherits i on i.inhparent = p.partrelid
  join pg_class c on c.oid = i.inhrelid
  join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
  where p.partstrat = 'r' and a.atttypid in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)),
furthest as (
  select partrelid, max(bound::timestamptz) as bound from bounds group by partrelid)
select
  floor(extract(epoch from min(bound) - now()) / 86400)::int as days from furthest
"""
_MOST_PARTITIONS = """
select coalesce(max((select count(*) from pg_partition_tree(c.oid) where isleaf)), 0) as most
from pg_class c where c.relkind = 'p' and not c.relispartition
"""
