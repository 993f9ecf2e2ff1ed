"""PostgreSQL: its settings and whose they are, its files, and how many connections it has left.

Settings are asked for by name. A list of all of them would hold the password in `primary_conninfo`.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.probes import staleness
from scaling_guide.probes.observation import Found, Malformed, Unreachable
from scaling_guide.probes.transport import ask
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

NAMES = (
    *("max_connections", "superuser_reserved_connections", "password_encryption"),
    *("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"),
    *("client_connection_check_interval", "statement_timeout", "lock_timeout", "deadlock_timeout"),
    *("idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"),
    *("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "hash_mem_multiplier"),
    *("random_page_cost", "effective_io_concurrency", "jit", "enable_partition_pruning"),
    *("max_worker_processes", "max_parallel_workers", "max_parallel_workers_per_gather"),
    *("autovacuum", "autovacuum_max_workers", "autovacuum_vacuum_cost_limit", "autovacuum_freeze_max_age"),
    *("fsync", "full_page_writes", "synchronous_commit", "wal_level", "wal_compression", "max_wal_size"),
    *("checkpoint_timeout", "max_wal_senders", "max_replication_slots", "wal_keep_size"),
    *("max_slot_wal_keep_size", "wal_sender_timeout", "hot_standby", "hot_standby_feedback"),
    *("max_standby_streaming_delay", "wal_receiver_timeout", "wal_retrieve_retry_interval"),
    *("max_locks_per_transaction", "max_prepared_transactions", "shared_preload_libraries"),
    *("pg_stat_statements.max", "pg_stat_statements.track", "auto_explain.log_min_duration"),
    *("track_io_timing", "log_min_duration_statement", "log_lock_waits", "log_temp_files"),
    *("log_autovacuum_min_duration", "log_checkpoints"),
)
STANDBY_PARAMETERS = (
    *("max_connections", "max_worker_processes", "max_wal_senders"),
    *("max_prepared_transactions", "max_locks_per_transaction"),
)
# what a role may have of its own
TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
NONE = "none"

_LISTS = frozenset({"shared_preload_libraries"})
_BLOCKS = {"8kB": (8, "kB"), "kB": (1, "kB"), "MB": (1, "MB"), "B": (1, "B")}
_HOST_FIELDS, _LOCAL_FIELDS = 4, 3


def settings(environment: Environment, target: PostgresTarget, deadline: float) -> Found:
    """The server's settings with their units, those that wait for a restart, and who has others.

    `reset_val` is read, not `setting`: this session has limits of its own. Raises as `sql.session` does.
    """
    with sql.session(target, deadline) as connection:
        found = sql.rows(connection, _SETTINGS, {"names": list(NAMES)})
        overrides = sql.rows(connection, _OVERRIDES)
        roles = sql.rows(connection, _ROLES)
        pending = sql.row(connection, _PENDING)["names"]
        version = sql.version(connection)
    server = {str(each["name"]): _shown(each) for each in found}
    return version, {
        **{f"setting > {name}": value for name, value in server.items()},
        "pending restart": pending or NONE,
        "alter system": ", ".join(each["name"] for each in found if each["altered"]) or NONE,
        "overrides > undocumented": _undocumented(overrides),
        **_of_roles(target.database, roles, overrides, server),
    }


def connections(environment: Environment, target: PostgresTarget, deadline: float) -> Found:
    """The share of connections that are in use. A server that refuses one more has answered: it is full.

    Raises as `sql.session` does for every other reason.
    """
    try:
        with sql.session(target, deadline) as connection:
            found = sql.row(connection, _CONNECTIONS)
            return sql.version(connection), {"used": f"{found['used']}%", "refused": "no"}
    except sql.Refused as refusal:
        return target.version, {"used": "100%", "refused": str(refusal)}


def files(environment: Environment, target: PostgresTarget, deadline: float) -> Found:
    """What the files on disk say that the running server does not know yet, and how clients may log in.

    Raises Unreachable where the files cannot be read, and as the transport and `sql.session` do.
    """
    hba = f"{target.directory}/pg_hba.conf"
    names = " ".join(shlex.quote(path) for path in (target.config, hba))
    answers = ask(
        target.host,
        {
            "conf": f"cat -- {shlex.quote(target.config)}",
            "hba": f"cat -- {shlex.quote(hba)}",
            **{
                path: f"printf '%s\\n' {shlex.quote(path)} | {staleness.CHANGES}"
                for path in (target.config, hba)
            },
        },
        deadline,
    )
    if any(answer.exit_code for answer in answers.values()):
        said = answers["conf"].stderr.strip().splitlines()
        raise Unreachable(f"{target.id}: {names} cannot be read: {said[-1] if said else 'no reason given'}")
    with sql.session(target, deadline) as connection:
        loaded = float(sql.row(connection, "select extract(epoch from pg_conf_load_time()) as at")["at"])
        running = _parameters(connection)
        version = sql.version(connection)
    late = [
        path.rpartition("/")[2]
        for path in (target.config, hba)
        if staleness.newest_change(answers[path].stdout) > loaded
    ]
    values: dict[str, Any] = {
        "files > newer than loaded": ", ".join(late) or NONE,
        "hba > methods": methods(answers["hba"].stdout),
    }
    if target.upstream:
        written = dict(assignments(answers["conf"].stdout))
        with sql.session(upstream(environment, target), deadline) as connection:
            primary = _parameters(connection)
        values["parameters > below primary"] = _below(running, written, primary)
    return version, values


def _parameters(connection: sql.Connection) -> dict[str, int]:
    found = sql.rows(connection, _SETTINGS, {"names": list(STANDBY_PARAMETERS)})
    return {str(each["name"]): int(each["reset_val"]) for each in found}


def _below(running: Mapping[str, int], written: Mapping[str, str], primary: Mapping[str, int]) -> str:
    """The parameters in which a replica has less than its primary, now or at its next start."""
    if running.keys() != primary.keys() or not running:
        raise Malformed("a server does not tell all parameters that a replica must have enough of")
    low = [
        name for name in primary if min(running[name], int(written.get(name, running[name]))) < primary[name]
    ]
    return ", ".join(low) or NONE


def upstream(environment: Environment, target: PostgresTarget) -> PostgresTarget:
    """The primary that a replica follows. Raises LookupError where the environment has none."""
    upstream = environment.targets.get(target.upstream or "")
    if not isinstance(upstream, PostgresTarget):
        raise LookupError(
            f"{target.id} follows {target.upstream}, which is no PostgreSQL of this environment"
        )
    return upstream


def _shown(found: Mapping[str, Any]) -> Any:
    """A setting with its unit, as a file would have it; the numbers that stand for `none` stay bare."""
    value, unit = str(found["reset_val"]), found["unit"]
    if found["name"] in _LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    if not unit or value in ("-1", "0"):
        return value
    factor, name = _BLOCKS.get(unit, (None, unit))
    return f"{value}{name}" if factor is None else f"{int(value) * factor}{name}"


def _undocumented(overrides: list[dict[str, Any]]) -> str:
    """Settings of roles, databases and functions, apart from the time limits that roles may have."""
    others = [
        each
        for each in overrides
        if each["function"]
        or each["database"]
        or not each["role"]
        or each["name"] not in TIMEOUTS
        or each["monitor"]
    ]
    return ", ".join(f"{each['name']} of {_owner(each)}" for each in others) or NONE


def _owner(override: Mapping[str, Any]) -> str:
    if override["function"]:
        return f"function {override['function']}"
    return f"{override['role'] or 'all'} in {override['database'] or 'all'}"


def _of_roles(
    database: str,
    roles: list[dict[str, Any]],
    overrides: list[dict[str, Any]],
    server: Mapping[str, Any],
) -> dict[str, Any]:
    """The time limits that each role has in the application's database, and how often it may connect."""
    written = {(each["role"], each["database"], each["name"]): each["value"] for each in overrides}
    values: dict[str, Any] = {}
    for each in roles:
        role = str(each["name"])
        values[f"role > {role} > connection limit"] = int(each["connection_limit"])
        for name in TIMEOUTS:
            # the narrowest wins
            for key in ((role, database), (role, None), (None, database)):
                if (*key, name) in written:
                    values[f"role > {role} > {name}"] = written[(*key, name)]
                    break
            else:
                values[f"role > {role} > {name}"] = server[name]
    return values


# ------------------------------------------------------------------------------------------------ files

_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][\w.]*)(?:\s*=\s*|\s+)('(?:[^']|'')*'|[^\s#]+)")


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """The settings in a postgresql.conf, in its order; the last of a name is the one that counts."""
    for line in text.splitlines():
        found = _ASSIGNMENT.match(line)
        if found and not line.lstrip().startswith("#"):
            yield found[1].lower(), found[2].strip("'").replace("''", "'")


def methods(text: str) -> list[str]:
    """The ways of logging in that a pg_hba.conf allows. Raises Malformed for a line that is too short."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        place = _LOCAL_FIELDS if words[0] == "local" else _HOST_FIELDS
        # an address may be followed by a mask of its own
        if words[0] != "local" and len(words) > place and re.match(r"[0-9]", words[place]):
            place += 1
        if len(words) <= place:
            raise Malformed(f"line {number} of pg_hba.conf is too short")
        found.append(words[place])
    return sorted(set(found))


_SETTINGS = """
select name, reset_val, unit, coalesce(sourcefile like '%%/postgresql.auto.conf', false) as altered
from pg_settings where name = any(%(names)s) order by name
"""
_PENDING = "select string_agg(name, ', ' order by name) as names from pg_settings where pending_restart"
# a function's search_path is a matter of safety and not of drift
_OVERRIDES = """
select r.rolname as role, d.datname as database, null as function, split_part(line, '=', 1) as name,
  substr(line, strpos(line, '=') + 1) as value,
  coalesce(pg_has_role(r.oid, 'pg_monitor', 'usage') and not r.rolsuper, false) as monitor
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) line
union all
select null, null, p.oid::regprocedure::text, split_part(line, '=', 1), null, false
from pg_proc p join pg_namespace n on n.oid = p.pronamespace cross join unnest(p.proconfig) line
where n.nspname not in ('pg_catalog', 'information_schema') and split_part(line, '=', 1) <> 'search_path'
and not exists (
  select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')
order by 1, 2, 3, 4
"""
_ROLES = """
select rolname as name, rolconnlimit as connection_limit from pg_roles where rolcanlogin and not rolsuper
"""
_CONNECTIONS = """
select round(100.0 * count(*) / (current_setting('max_connections')::int
  - current_setting('superuser_reserved_connections')::int), 1) as used
from pg_stat_activity where backend_type = 'client backend'
"""
