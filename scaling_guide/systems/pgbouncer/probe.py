"""PgBouncer: what its console tells, and what its process may open."""

import re
import shlex
import time
from collections.abc import Iterable, Mapping
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import Target
from scaling_guide.probes.observation import (
    HOLDER,
    CannotObserve,
    Found,
    Malformed,
    Undetermined,
    Unreachable,
)
from scaling_guide.probes.probe import Over, Probe
from scaling_guide.probes.transport import ask, run
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres.settings import NONE
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

# for logs, libraries, listening sockets and the resolver, beside clients and servers
SPARE_FILES = 32

_SHOWN = ("pool_size", "min_pool_size", "reserve_pool", "pool_mode", "max_connections", "paused", "disabled")
_LOGIN = "pgbouncer"
_PROCESS = """
found=$(ss -Hltnp 'sport = :{port}')
echo "$found"
for pid in $(echo "$found" | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u); do
  echo "limits of $pid"
  cat "/proc/$pid/limits"
done
"""


def console(environment: Environment, target: PgbouncerTarget, deadline: float) -> Found:
    """The configuration in force and on disk, the databases and where they lead, who waits, and whether the
    servers have room for all that the pools may open.

    Only SHOW is ever sent. Raises as `sql.session` and the transport do.
    """
    ends = time.monotonic() + deadline
    with sql.session(target, deadline, sql.CONSOLE) as connection:
        version = _version(str(sql.rows(connection, "SHOW VERSION")[0]["version"]))
        config = {str(each["key"]): str(each["value"]) for each in sql.rows(connection, "SHOW CONFIG")}
        databases = [each for each in sql.rows(connection, "SHOW DATABASES") if each["name"] != _LOGIN]
        pools = [each for each in sql.rows(connection, "SHOW POOLS") if each["database"] != _LOGIN]
    if not databases:
        raise Malformed(f"{target.id} has no databases")
    written = assignments(_file(target, deadline))
    differ = [name for name, value in written.items() if not _same(config.get(name), value)]
    waits = [float(each["maxwait"]) + float(each["maxwait_us"]) / 1e6 for each in pools]
    return version, {
        **{f"config > {name}": value for name, value in config.items()},
        "file > not in force": ", ".join(differ) or NONE,
        **_described(databases),
        **_room(environment, databases, pools, ends),
        "databases > paused": _named(
            each["name"] for each in databases if each["paused"] or each["disabled"]
        ),
        "pools > waiting": sum(int(each["cl_waiting"]) for each in pools),
        "pools > longest wait": f"{max(waits, default=0.0) * 1000:.0f}ms",
        "leads to > main": _role(environment, databases, target.database),
        "leads to > read-only": _role(environment, databases, f"{target.database}_ro"),
    }


def _described(databases: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        f"database > {each['name']} > {key}": each[key]
        for each in databases
        for key in _SHOWN
        if each.get(key) is not None
    }


def process(environment: Environment, target: PgbouncerTarget, deadline: float) -> Found:
    """The limit on open files of the process that listens on the port, and what its clients will need.

    The process is found by the port: by its name one may find another. Raises Unreachable where the checker's
    user may not see it, and as the transport does.
    """
    answer = run(target.host, _PROCESS.format(port=target.port), deadline)
    address = rf"(?:{re.escape(target.address)}|0\.0\.0\.0|\*):{target.port}"
    listening = re.search(rf"^LISTEN +\d+ +(\d+) +{address} .*", answer.stdout, re.MULTILINE)
    if not listening:
        raise Unreachable(f"{target.id}: nobody listens on {target.address}:{target.port} on {target.host}")
    pid = re.search(r"pid=(\d+)", listening[0])
    if not pid:
        raise Unreachable(
            f"{target.id}: the checker's user may not see whose port {target.port} is: use sudo"
        )
    limits = re.search(rf"limits of {pid[1]}\n(?:.*\n)*?Max open files +(\d+|unlimited)", answer.stdout)
    if not limits:
        raise Malformed(f"{target.id}: /proc/{pid[1]}/limits says nothing of open files")
    allowed = 2**31 if limits[1] == "unlimited" else int(limits[1])
    text = _file(target, deadline)
    return target.version, {
        "limits > open files": allowed,
        "limits > spare files": allowed - expected_files(text),
        "listener > backlog": int(listening[1]),
    }


def expected_files(text: str) -> int:
    """Descriptors when every client is there and every pool is full, for one user a database."""
    settings = assignments(text)
    pools = int(settings.get("default_pool_size", "20")) + int(settings.get("reserve_pool_size", "0"))
    return int(settings.get("max_client_conn", "100")) + pools * len(_databases(text)) + SPARE_FILES


def assignments(text: str) -> dict[str, str]:
    """The settings of the section [pgbouncer]."""
    return _section(text, "pgbouncer")


def _databases(text: str) -> dict[str, str]:
    return _section(text, "databases")


def _section(text: str, wanted: str) -> dict[str, str]:
    found: dict[str, str] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ").lower()
        elif section == wanted and "=" in line and line[0] not in ";#":
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip()
    return found


def _file(target: PgbouncerTarget, deadline: float) -> str:
    answer = ask(target.host, {"": f"cat -- {shlex.quote(target.config)}"}, deadline)[""]
    if answer.exit_code:
        said = answer.stderr.strip().splitlines()
        raise Unreachable(f"{target.id}: the file cannot be read: {said[-1] if said else 'no reason given'}")
    return answer.stdout


def _same(running: str | None, written: str) -> bool:
    if running is None:
        return False
    try:
        return float(running) == float(written)
    except ValueError:
        return running == written


# what stays free of a server's connections, for people, migrations and the moment of a restart
SPARE_SHARE = 0.1


def _room(
    environment: Environment, databases: list[dict[str, Any]], pools: list[dict[str, Any]], ends: float
) -> dict[str, Any]:
    """How many connections the fullest server has left when every pool is full, and which server that is."""
    left: dict[str, int] = {}
    for server in environment.targets.values():
        wanted = sum(_most(each, pools) for each in databases if _leads(server, each))
        if not wanted or not isinstance(server, PostgresTarget):
            continue
        try:
            with sql.session(server, max(0.1, ends - time.monotonic())) as connection:
                found = sql.row(connection, _ROOM)
        except CannotObserve as reason:
            return {_LEFT: Undetermined(f"its server cannot be asked: {reason}")}
        left[server.id] = int(found["usable"] * (1 - SPARE_SHARE)) - found["checker"] - wanted
    if not left:
        return {_LEFT: Undetermined("no database leads to a server of this environment")}
    fullest = min(left, key=lambda name: left[name])
    return {_LEFT: left[fullest], f"{_LEFT} > {HOLDER}": f"at {fullest}"}


def _leads(server: Target, database: Mapping[str, Any]) -> bool:
    return isinstance(server, PostgresTarget) and _at(server, database)


def _most(database: Mapping[str, Any], pools: list[dict[str, Any]]) -> int:
    """The connections that may be opened for a database: its cap, or a pool for each user it has seen."""
    if int(database["max_connections"]):
        return int(database["max_connections"])
    users = len([pool for pool in pools if pool["database"] == database["name"]])
    each = int(database["pool_size"]) + int(database["reserve_pool"])
    return max(1, users) * each


_LEFT = "connections > left on the fullest server"
_ROOM = """
select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  as usable, greatest(rolconnlimit, 0) as checker from pg_roles where rolname = current_user
"""


def _named(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names)) or NONE


def _role(environment: Environment, databases: list[dict[str, Any]], name: str) -> str:
    """The role of the server that a database leads to, or its address where none is known there."""
    for each in databases:
        if each["name"] == name:
            for target in environment.targets.values():
                if isinstance(target, PostgresTarget) and _at(target, each):
                    return target.role
            return f"{each['host']}:{each['port']}"
    return NONE


def _at(target: PostgresTarget, database: Mapping[str, Any]) -> bool:
    return (target.address, str(target.port)) == (database["host"], str(database["port"]))


def _version(text: str) -> str:
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", text)
    if not found:
        raise Malformed(f"PgBouncer says no version: {text!r}")
    return found[0]


CONSOLE = "PGPASSFILE={passfile} psql -X -h {address} -p {port} -U {user} -d pgbouncer -c"
_LISTENER = "ss -ltnp 'sport = :{port}'"

PROBES: Mapping[str, Probe] = {
    "pgbouncer_console": Probe(
        console,
        by_hand={
            "": f"{CONSOLE} 'show config'",
            "config": f"{CONSOLE} 'show config' | grep {{search}}",
            "databases": f"{CONSOLE} 'show databases'",
            "leads to": f"{CONSOLE} 'show databases'",
            "pools": f"{CONSOLE} 'show pools'",
            "connections": f"{CONSOLE} 'show databases' -c 'show pools'",
        },
        over=Over.NETWORK | Over.HOST,
        tells_version=True,
    ),
    "pgbouncer_process": Probe(
        process,
        by_hand={
            "": "grep 'open files' "
            f"/proc/$({_LISTENER} | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2)/limits",
            "listener": _LISTENER,
        },
        over=Over.HOST,
    ),
}
