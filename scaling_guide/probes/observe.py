"""Look at everything that is wanted, all at once; keep what was seen; say how to look by hand."""

import json
import os
import queue
import re
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scaling_guide.model.environments import Environment, Target
from scaling_guide.model.record import Probe
from scaling_guide.model.units import Unit, meaning
from scaling_guide.probes import (
    api,
    app,
    attested,
    frontend,
    haproxy,
    host,
    http,
    latency,
    linux,
    memcached,
    nginx,
    pgbouncer,
    postgres,
    postgres_health,
    postgres_replication,
    redis,
    sentinel,
    sockets,
    supabase,
    tls,
)
from scaling_guide.probes.observation import (
    CannotObserve,
    Failure,
    Found,
    Malformed,
    Observation,
    Result,
    Undetermined,
)
from scaling_guide.probes.transport import typed

SCHEMA = 1
# a probe ends itself at the deadline and then knows best what it was waiting for
GRACE_SECONDS = 0.5

Need = tuple[Probe, str]
Look = Callable[[Environment, Any, float], Found]

PROBES: Mapping[Probe, Look] = {
    Probe.NGINX_CONFIG: nginx.config,
    Probe.NGINX_PROCESS: nginx.process,
    Probe.NGINX_STATUS: nginx.status,
    Probe.HAPROXY_CONFIG: haproxy.config,
    Probe.HAPROXY_RUNTIME: haproxy.runtime,
    Probe.HTTP: http.probe,
    Probe.TLS: tls.probe,
    Probe.HOST: host.probe,
    Probe.APP: app.probe,
    Probe.REDIS: redis.probe,
    Probe.REDIS_CONFIG: redis.config,
    Probe.SENTINEL: sentinel.probe,
    Probe.MEMCACHED: memcached.probe,
    Probe.POSTGRES_SETTINGS: postgres.settings,
    Probe.POSTGRES_FILES: postgres.files,
    Probe.POSTGRES_CONNECTIONS: postgres.connections,
    Probe.POSTGRES_REPLICATION: postgres_replication.probe,
    Probe.POSTGRES_HEALTH: postgres_health.probe,
    Probe.PGBOUNCER_CONSOLE: pgbouncer.console,
    Probe.PGBOUNCER_PROCESS: pgbouncer.process,
    Probe.SUPABASE: supabase.probe,
    Probe.SUPABASE_ADVISORS: supabase.advisors,
    Probe.ATTESTED: attested.probe,
    Probe.LINUX: linux.probe,
    Probe.SOCKETS: sockets.probe,
    Probe.FRONTEND: frontend.probe,
    Probe.API: api.probe,
    Probe.LATENCY: latency.probe,
}

REQUESTS: Mapping[Probe, int] = {
    **dict.fromkeys(Probe, 0),
    Probe.NGINX_STATUS: nginx.STATUS_REQUESTS,
    Probe.HTTP: http.REQUESTS,
    Probe.APP: app.REQUESTS,
    Probe.SUPABASE: supabase.REQUESTS,
    Probe.SUPABASE_ADVISORS: supabase.ADVISOR_REQUESTS,
    Probe.FRONTEND: frontend.PAGE_REQUESTS,
    Probe.API: api.REQUESTS,
    Probe.LATENCY: latency.REQUESTS,
}
"""How many ordinary requests one look sends, a few more where servers are chosen by chance."""

TIMED = frozenset({Probe.LATENCY})
"""Probes whose result is a time, which the other looks would lengthen."""

TIMED_FROM = 0.4
"""The share of the deadline after which the timed looks wait for the others no longer."""


def observe(
    environment: Environment, wanted: Iterable[Need], deadline: float | None = None
) -> dict[Need, Result]:
    """One look at each source of each target that is wanted, all at the same time, and the timed ones then.

    `deadline` is in seconds, the environment's own where it is None, and holds also for a probe that hangs.
    Nothing is raised for what the environment does: each need has an Observation, or a Failure that says why
    there is none.
    """
    needs = list(dict.fromkeys(wanted))
    seconds = meaning(environment.deadline, Unit.DURATION) / 1000 if deadline is None else deadline
    began, started = _now(), time.monotonic()
    arrived: queue.SimpleQueue[tuple[Need, Result]] = queue.SimpleQueue()

    quiet = threading.Event()

    def look(need: Need) -> None:
        left = seconds
        if need[0] in TIMED:
            quiet.wait(seconds * TIMED_FROM)
            left = started + seconds - time.monotonic()
        arrived.put((need, _look(environment, need, left)))

    for need in needs:
        threading.Thread(target=look, args=(need,), name=" ".join(need), daemon=True).start()
    results: dict[Need, Result] = {}
    while len(results) < len(needs):
        if all(need in results for need in needs if need[0] not in TIMED):
            quiet.set()
        left = started + seconds + GRACE_SECONDS - time.monotonic()
        try:
            need, result = arrived.get(timeout=max(0.0, left))
        except queue.Empty:
            break
        results[need] = result
    passed = round(time.monotonic() - started, 4)
    for probe, target in needs:
        message = f"the probe did not end within {seconds:g} s"
        results.setdefault((probe, target), Failure(probe, target, "timeout", message, began, passed))
    return {need: results[need] for need in needs}


def _look(environment: Environment, need: Need, deadline: float) -> Result:
    probe, target = need
    began, started = _now(), time.monotonic()

    def failure(outcome: str, message: str) -> Failure:
        return Failure(probe, target, outcome, _without_secrets(message), began, _since(started))

    try:
        if target not in environment.targets:
            raise LookupError(f"there is no target {target} in {environment.name}")
        version, values = PROBES[probe](environment, environment.targets[target], deadline)
        if not values:
            raise Malformed("the probe saw nothing at all")
        return Observation(probe, target, version, began, _since(started), dict(values))
    except CannotObserve as reason:
        return failure(reason.outcome, str(reason))
    except BaseException as error:  # also SystemExit: the look must not end without a word
        return failure("error", f"{type(error).__name__}: {error}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)


def _without_secrets(message: str) -> str:
    """`message` without the password that a URI in it may hold."""
    return re.sub(r"(://[^/@\s:]*):[^/@\s]*@", r"\1:***@", message)


# -------------------------------------------------------------------------------------------- recordings

_KINDS: dict[str, type[Observation] | type[Failure]] = {"observation": Observation, "failure": Failure}


class ReplayError(ValueError):
    """A file does not hold observations that this program can judge; the message says what is wrong."""


def save(path: Path, environment: str, results: Mapping[Need, Result]) -> None:
    """Keep `results` in a JSON file that is written whole or not at all. Raises OSError."""
    rows = [{"kind": type(result).__name__.lower(), **asdict(result)} for result in results.values()]
    document = {"schema": SCHEMA, "environment": environment, "saved_at": _now(), "results": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1) + "\n")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def replay(path: Path, environment: str | None = None) -> dict[Need, Result]:
    """The results that `save` kept.

    Raises OSError, and ReplayError where the file is damaged, is something else, was written by another
    version, or tells of another environment than the one named.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ReplayError(f"{path} is not a whole JSON document: {error}") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise ReplayError(f"{path} holds no observations of schema {SCHEMA}; its schema is {schema}")
    if environment and document.get("environment") != environment:
        raise ReplayError(f"{path} tells of {document.get('environment')}, not of {environment}")
    try:
        results = [_result(row) for row in document["results"]]
        return {(Probe(result.probe), result.target): result for result in results}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReplayError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _result(row: dict[str, Any]) -> Result:
    kind = _KINDS[row["kind"]]
    result = kind(**{field.name: row[field.name] for field in fields(kind)})
    if isinstance(result, Failure):
        return result
    if not (isinstance(result.values, dict) and result.values):
        raise ValueError(f"{result.probe} of {result.target} saw nothing")
    values = {name: Undetermined(**each) if isinstance(each, dict) else each
              for name, each in result.values.items()}  # fmt: skip
    return replace(result, values=values)


# ----------------------------------------------------------------------------------------------- by hand

_CURL = "curl -s {trusting}--resolve {site}:{https}:{address} https://{site}:{https}"
_HANDSHAKE = "openssl s_client -connect {address}:{https} -servername {site}"
_OPERATOR = "socat stdio {operator_socket}"
_PSQL = "PGPASSFILE={passfile} psql -X -h {address} -p {port} -U {user} -d {database} -c"
_CONSOLE = "PGPASSFILE={passfile} psql -X -h {address} -p {port} -U {user} -d pgbouncer -c"
_LISTENER = "ss -ltnp 'sport = :{port}'"
_REDIS = (
    "REDISCLI_AUTH=$(cat {password_file}) redis-cli --no-auth-warning -h {address} -p {port} --user {user}"
)

LOOK: Mapping[Probe, Mapping[str, str]] = {
    Probe.NGINX_CONFIG: {
        "": "{binary} -p {directory}/ -c {config} -T 2>/dev/null | grep {search}",
    },
    Probe.NGINX_PROCESS: {
        "": "stat -c '%y %n' {config}; ps -o pid,lstart,args --ppid $(cat {pid_file})",
        "test": "{binary} -p {directory}/ -c {config} -t",
        "limits": "grep -H 'open files' $(pgrep -P $(cat {pid_file}) | sed 's|.*|/proc/&/limits|')",
    },
    Probe.NGINX_STATUS: {"": f"curl -s http://{{address}}:{{status}}{nginx.STATUS_PATH}"},
    Probe.HAPROXY_CONFIG: {
        "": "grep {search} {config}",
        "test": "{binary} -c -f {config}",
    },
    Probe.HAPROXY_RUNTIME: {
        "": f"echo 'show info' | {_OPERATOR}",
        "info": f"echo 'show info' | {_OPERATOR} | grep {{search}}",
        "process": "echo 'show proc' | socat stdio {master_socket}",
        "stat": f"echo 'show stat' | {_OPERATOR} | cut -d, -f1-3,18-20,23,37,74,77",
        "state": f"echo 'show servers state' | {_OPERATOR} | cut -d' ' -f2,4,6-9",
        "worker": "stat -c '%y %n' {config}; "
        f"ps -o pid,lstart -p $(echo 'show info' | {_OPERATOR} | sed -n 's/^Pid: //p')",
    },
    Probe.HTTP: {
        "": f"{_CURL}/whoami -D -",
        "redirect": "curl -s -D - -o /dev/null -H 'Host: {site}' http://{address}:{http}/whoami",
        "hsts": f"for path in /whoami '/fail?status=404'; do {_CURL}$path -D - -o /dev/null; done",
        "forwarded": f"{_CURL}/whoami -H 'X-Forwarded-For: 203.0.113.7'",
        "spread": f"for n in $(seq {http.SPREAD}); do {_CURL}/whoami -D - -o /dev/null; done "
        "| grep -i x-instance | sort | uniq -c",
        "sticky": f"for n in 1 2 3 4 5; do {_CURL}/sticky/whoami -b sid=1 -b jar -c jar -D -; done",
    },
    Probe.TLS: {
        "": f"{_HANDSHAKE} -alpn h2,http/1.1 </dev/null",
        "versions": f"for v in -tls1 -tls1_1 -tls1_2 -tls1_3; do {_HANDSHAKE} $v "
        "-cipher ALL:@SECLEVEL=0 </dev/null 2>&1 | grep -E 'alert|Protocol|New,'; done",
        "TLSv1": f"{_HANDSHAKE} -tls1 -cipher ALL:@SECLEVEL=0 </dev/null",
        "TLSv1.1": f"{_HANDSHAKE} -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null",
        "ciphers": "nmap --script ssl-enum-ciphers -p {https} {address}",
        "unknown name": "openssl s_client -connect {address}:{https} "
        f"-servername {tls.UNKNOWN_NAME} </dev/null",
        "certificate": f"{_HANDSHAKE} -showcerts </dev/null | openssl x509 -noout -text",
    },
    Probe.HOST: {
        "": "stat -L -c '%a %U:%G %n' {key_file} {config}",
        "certificate": "openssl x509 -noout -serial -in {certificate}; "
        f"{_HANDSHAKE} </dev/null | openssl x509 -noout -serial",
    },
    Probe.APP: {
        "": f"curl -s http://{{address}}:{{http}}{app.ABOUT}",
        **{path: f"curl -si http://{{address}}:{{http}}{path}" for path in app.HEALTH},
    },
    Probe.REDIS: {
        "": f"{_REDIS} INFO",
        "clients": f"{_REDIS} INFO clients",
        "memory": f"{_REDIS} INFO memory",
        "keyspace": f"{_REDIS} INFO keyspace",
        "errors": f"{_REDIS} INFO errorstats",
        "stats": f"{_REDIS} INFO stats",
        "replication": f"{_REDIS} INFO replication",
        "sample": f"for n in 1 2; do {_REDIS} INFO stats | grep -E '^(keyspace_|evicted_k)'; sleep 1; done",
        "ttl sample": f"for n in $(seq 20); do {_REDIS} PTTL $({_REDIS} RANDOMKEY); done",
        "acl": f"{_REDIS} ACL WHOAMI; {_REDIS} ACL USERS; {_REDIS} ACL DRYRUN {{user}} FLUSHALL",
        "without password": "redis-cli -h {address} -p {port} PING",
    },
    Probe.REDIS_CONFIG: {
        "": "grep {search} {config}",
        "acl": "grep -n {user} {acl_file}",
        "running": f"{_REDIS} INFO",
        "listen": "ss -ltn 'sport = :{port}'",
        "files": "stat -c '%a %U %n' {directory} {config} {acl_file}",
    },
    Probe.SENTINEL: {
        "": f"{_REDIS} SENTINEL MASTER {{service}}",
        "ckquorum": f"{_REDIS} SENTINEL CKQUORUM {{service}}",
        "replicas": f"{_REDIS} SENTINEL REPLICAS {{service}}",
        "peers": f"{_REDIS} SENTINEL SENTINELS {{service}}",
        "acl": f"{_REDIS} ACL WHOAMI; {_REDIS} ACL DRYRUN {{user}} SENTINEL FAILOVER {{service}}",
        "without password": "redis-cli -h {address} -p {port} PING",
    },
    Probe.MEMCACHED: {
        "": "printf 'stats\r\nquit\r\n' | socat - TCP:{address}:{port}",
        "settings": "printf 'stats settings\r\nquit\r\n' | socat - TCP:{address}:{port}",
        "process": "stat -c '%y %n' {config}; ps -o pid,lstart -C memcached",
        "listen": "ss -ltn 'sport = :{port}'",
    },
    Probe.POSTGRES_SETTINGS: {
        "": f"{_PSQL} 'select name, reset_val, unit, source, sourcefile, pending_restart from pg_settings "
        "where pending_restart or sourcefile is not null'",
        "setting": f"{_PSQL} 'select name, reset_val, unit, source from pg_settings' | grep {{search}}",
        "role": f"{_PSQL} 'select * from pg_db_role_setting'",
        "overrides": f"{_PSQL} 'select * from pg_db_role_setting'",
    },
    Probe.POSTGRES_FILES: {
        "": f"ls -l --full-time {{directory}}; {_PSQL} 'select pg_conf_load_time()'",
        "hba": "grep -v '^#' {directory}/pg_hba.conf",
        "parameters": "grep -E '^max_(connections|worker|wal|prepared|locks)' {config}",
    },
    Probe.POSTGRES_CONNECTIONS: {
        "": f"{_PSQL} 'select usename, state, count(*) from pg_stat_activity group by 1, 2'",
    },
    Probe.POSTGRES_REPLICATION: {
        "": f"{_PSQL} 'select status, slot_name, pg_last_wal_replay_lsn() from pg_stat_wal_receiver'",
        "replicas": f"{_PSQL} 'select application_name, state, replay_lsn from pg_stat_replication'",
        "slots": f"{_PSQL} 'select slot_name, active, wal_status from pg_replication_slots'",
        "replay": f"{_PSQL} 'select pg_is_wal_replay_paused()'",
        "in recovery": f"{_PSQL} 'select pg_is_in_recovery()'",
        "read-only": f"{_PSQL} 'show in_hot_standby'",
    },
    Probe.POSTGRES_HEALTH: {
        "": f"{_PSQL} 'select pid, state, state_change, pg_blocking_pids(pid) from pg_stat_activity'",
        "indexes": f"{_PSQL} '\\di+ *.*'",
        "tables": f"{_PSQL} '\\dt+ *.*'",
        "keys": f"{_PSQL} '\\dt+ *.*'",
        "foreign keys": f"{_PSQL} '\\d+ app.*'",
        "sequences": f"{_PSQL} 'select * from pg_sequences'",
        "bloat": f"{_PSQL} 'select oid::regclass, (pgstattuple_approx(oid)).* from pg_class "
        "where relkind = $$r$$ order by pg_relation_size(oid) desc limit 10'",
        "wraparound": f"{_PSQL} 'select datname, age(datfrozenxid) from pg_database'",
        "partitions": f"{_PSQL} '\\dP+ *.*'",
        "statements": f"{_PSQL} 'select * from pg_stat_statements_info'",
        "checkpoints": f"{_PSQL} 'select * from pg_stat_bgwriter'",
        "temporary files": f"{_PSQL} 'select * from pg_ls_tmpdir()'",
        "checker": f"{_PSQL} '\\dp *.*' -c '\\du {{user}}'",
        "deadlocks": f"{_PSQL} 'select datname, deadlocks, stats_reset from pg_stat_database'",
        "conflicts": f"{_PSQL} 'select * from pg_stat_database_conflicts'",
        "horizon": f"{_PSQL} 'select pid, usename, age(backend_xmin) from pg_stat_activity order by 3' "
        "-c 'select slot_name, age(xmin) from pg_replication_slots'",
    },
    Probe.PGBOUNCER_CONSOLE: {
        "": f"{_CONSOLE} 'show config'",
        "config": f"{_CONSOLE} 'show config' | grep {{search}}",
        "databases": f"{_CONSOLE} 'show databases'",
        "leads to": f"{_CONSOLE} 'show databases'",
        "pools": f"{_CONSOLE} 'show pools'",
        "connections": f"{_CONSOLE} 'show databases' -c 'show pools'",
    },
    Probe.PGBOUNCER_PROCESS: {
        "": f"grep 'open files' /proc/$({_LISTENER} | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2)/limits",
        "listener": _LISTENER,
    },
    Probe.LINUX: {
        "": "grep -H '' {proc}/pressure/*",
        "sysctl": "cat {proc}/sys/{search}",
        "file": "cut -s -d= -f1 {config} | xargs sysctl; grep = {config}",
        "listen": "grep '^TcpExt' {proc}/net/netstat; grep '^Tcp' {proc}/net/snmp",
        "segments": "grep '^Tcp' {proc}/net/snmp",
        "ports": "grep '^TCP' {proc}/net/sockstat",
        "connections tracked": "cat {proc}/sys/net/netfilter/nf_conntrack_count",
        "open files": "cat {proc}/sys/fs/file-nr",
        "memory": "grep oom_kill {proc}/vmstat; cat {sys}/kernel/mm/transparent_hugepage/enabled",
        "service": "grep -sH '' {sys}/fs/cgroup/{cgroup}/* {sys}/fs/cgroup/memory/{cgroup}/*limit_in_bytes",
    },
    Probe.SOCKETS: {"": "ss -ltn src {address}"},
    Probe.FRONTEND: {
        "": f"{_CURL}{{page}} -D - -o /dev/null -H 'Accept-Encoding: gzip'",
        "page": f"{_CURL}{{page}} -H 'Accept-Encoding: gzip' -D - -o /dev/null; "
        f"{_CURL}{{page}} -H 'Accept-Encoding: gzip' | wc -c",
        "http/2": f"{_CURL}{{page}} --http2 -D - -o /dev/null | head -n 1",
    },
    Probe.API: {
        "": f"{_CURL}{{api}} -D - -o /dev/null",
        "list": f"{_CURL}'{{api}}?limit={api.LARGE}'",
    },
    Probe.LATENCY: {
        "": f"ab -n {latency.REQUESTS} -c {latency.AT_ONCE} -k http://{{address}}:{{http}}{{api}}",
    },
    Probe.SUPABASE: supabase.LOOK,
    Probe.SUPABASE_ADVISORS: supabase.LOOK_ADVISORS,
    Probe.ATTESTED: {"": "sed -n '/^attestations:/,/^[b-z]/p' data/environments/{environment}.yml"},
}
"""For each probe the command that shows a person the same thing, by the first segment of the setting.

The templates take the fields of the target, the environment's site, and what to have grep search for.
"""

_ON_HOST = frozenset(
    {
        *(Probe.NGINX_CONFIG, Probe.NGINX_PROCESS, Probe.HAPROXY_CONFIG, Probe.HAPROXY_RUNTIME, Probe.HOST),
        *(Probe.REDIS_CONFIG, Probe.LINUX, Probe.SOCKETS),
    }
)
_CONTEXT = re.compile(r"events|http|stream|(upstream|server|location|if|map) .*")


def by_hand(probe: Probe, environment: Environment, target: Target, setting: str) -> str:
    """A command that shows a person the value of `setting`, to be typed where the checker runs."""
    segments = setting.split(" > ")
    templates = LOOK[probe]
    trust = getattr(target, "trust", None)
    words = {name: shlex.quote(str(value)) for name, value in target.model_dump().items()}
    command = templates.get(segments[0], templates[""]).format(
        **words,
        site=environment.site,
        url=getattr(target, "url", ""),
        environment=environment.name,
        page=environment.page,
        api=environment.api,
        trusting=f"--cacert {shlex.quote(trust)} " if trust else "",
        key_file=words.get("certificate_key", words.get("certificate")),
        search=_search(probe, segments),
    )
    return typed(target.host, command) if probe in _ON_HOST else command


def _search(probe: Probe, segments: list[str]) -> str:
    """Arguments for grep: the directive that a setting names, or a whole block where it names none inside."""
    if probe is Probe.HAPROXY_RUNTIME:
        return shlex.quote(f"^{segments[-1]}:")
    if probe is Probe.LINUX:
        return segments[min(1, len(segments) - 1)].replace(".", "/")
    if probe in (Probe.POSTGRES_SETTINGS, Probe.PGBOUNCER_CONSOLE):
        return f"-w {shlex.quote(segments[-1])}"
    lines = ""
    if probe is Probe.HAPROXY_CONFIG:
        words = segments[1:] or segments
        name = words[-1] if words[0].startswith("server ") else words[0]
        # known by its base name, written with its path
        name = re.sub(r"^stats socket ", "stats socket .*", name)
    else:
        inside = [segment for segment in segments if not _CONTEXT.fullmatch(segment)]
        name = (inside or segments)[0]
        if name in ("method", "servers"):
            name, lines = segments[1], "-A 12 "
    pattern = " +".join(re.sub(r"([$+?()\[\]{}|])", r"\\\1", word) for word in name.split())
    return f"-nwE {lines}{shlex.quote(pattern)}"
