"""Replication: what the primary sends to whom, and whether a replica gets it and carries it out."""

import time
from collections.abc import Mapping
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found
from scaling_guide.systems.postgres.settings import NONE, upstream
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

# a healthy replica needs milliseconds; the checks wait no longer than this share of their deadline
PATIENCE = 0.4
PAUSE_SECONDS = 0.005


def probe(environment: Environment, target: PostgresTarget, deadline: float) -> Found:
    """What this server says of its replicas, or of what it gets from its primary.

    No lag in seconds is read: it is 0 without a receiver, stale while replay pauses, and grows on an idle
    pair. A replica is asked whether it reaches the position that its primary has now. Raises as
    `sql.session` does, for the primary of a replica too.
    """
    with sql.session(target, deadline) as connection:
        version = sql.version(connection)
        if target.upstream is None:
            return version, _sending(environment, target, connection)
        with sql.session(upstream(environment, target), deadline) as primary:
            return version, _receiving(connection, primary, deadline * PATIENCE)


def _sending(environment: Environment, target: PostgresTarget, connection: sql.Connection) -> dict[str, Any]:
    replicas = sql.rows(connection, _REPLICAS)
    slots = sql.rows(connection, _SLOTS)
    streaming = {each["name"] for each in replicas if each["state"] == "streaming"}
    wanted = [
        str(other.slot)
        for other in environment.targets.values()
        if isinstance(other, PostgresTarget) and other.upstream == target.id
    ]
    values: dict[str, Any] = {
        "in recovery": "yes" if sql.row(connection, "select pg_is_in_recovery() as so")["so"] else "no",
        "replicas > streaming": len(streaming),
        "replicas > missing": _named(name for name in wanted if name not in streaming),
        "slots > inactive": _named(each["name"] for each in slots if not each["active"]),
        "slots > lost": _named(each["name"] for each in slots if each["wal_status"] == "lost"),
    }
    for each in replicas:
        values[f"replica > {each['name']} > state"] = each["state"]
        values[f"replica > {each['name']} > behind"] = f"{each['behind']}B"
    for each in slots:
        values[f"slot > {each['name']} > retained"] = f"{each['retained']}B"
        values[f"slot > {each['name']} > wal status"] = each["wal_status"]
    return values


def _named(names: Any) -> str:
    return ", ".join(names) or NONE


def _receiving(connection: sql.Connection, primary: sql.Connection, patience: float) -> dict[str, Any]:
    found = sql.row(connection, _REPLICA)
    if not found["recovering"]:
        # what it replayed before it was promoted tells nothing any more
        return {**_described(found), "catch-up > reached": "no: it is no replica"}
    return {**_described(found), **_caught_up(connection, primary, patience)}


def _described(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "in recovery": "yes" if found["recovering"] else "no",
        "read-only": "yes" if found["read_only"] == found["standby"] == "on" else "no",
        "receiver > status": found["status"] or NONE,
        "receiver > slot": found["slot"] or NONE,
        "replay": (found["replay"] if found["recovering"] else "none: it is no replica"),
        "primary_conninfo > password": "yes" if found["password"] else "no",
    }


def _caught_up(connection: sql.Connection, primary: sql.Connection, patience: float) -> dict[str, Any]:
    """Whether the replica reaches the primary's position of now, how soon, and how far it is from it."""
    began = time.monotonic()
    goal = sql.row(primary, "select pg_current_wal_lsn()::text as lsn")["lsn"]
    while True:
        behind = int(sql.row(connection, _BEHIND, {"lsn": goal})["behind"])
        passed = time.monotonic() - began
        if behind <= 0:
            return {
                "catch-up > reached": "yes",
                "catch-up > took": f"{passed * 1000:.0f}ms",
                "lag": "0B",
            }
        if passed > patience:
            return {
                "catch-up > reached": f"no: {behind:,} bytes short after {passed:.1f} s",
                "lag": f"{behind}B",
            }
        time.sleep(PAUSE_SECONDS)


_REPLICAS = """
select application_name as name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint as behind
from pg_stat_replication where application_name not in ('pg_basebackup', 'pg_receivewal') order by 1
"""
_SLOTS = """
select slot_name as name, active, wal_status,
  coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint as retained
from pg_replication_slots order by 1
"""
_REPLICA = """
select pg_is_in_recovery() as recovering, current_setting('transaction_read_only') as read_only,
  current_setting('in_hot_standby') as standby,
  (select status from pg_stat_wal_receiver) as status, (select slot_name from pg_stat_wal_receiver) as slot,
  case when not pg_is_in_recovery() then null
    when pg_is_wal_replay_paused() then 'paused' else 'running' end as replay,
  (select setting ~* 'password *=' from pg_settings where name = 'primary_conninfo') as password
"""
_BEHIND = "select pg_wal_lsn_diff(%(lsn)s::pg_lsn, pg_last_wal_replay_lsn())::bigint as behind"
