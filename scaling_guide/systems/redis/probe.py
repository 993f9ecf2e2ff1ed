"""Redis: what a server says of itself, a cache twice a moment apart, and what its file says it should be."""

import re
import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import redis as client

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found, Malformed, Undetermined, Unreachable, Unsupported
from scaling_guide.probes.probe import Over, Probe, grep
from scaling_guide.probes.transport import Output, ask
from scaling_guide.systems.redis.session import (
    CLI,
    Session,
    fields,
    may,
    pairs,
    parts,
    session,
    without_password,
)
from scaling_guide.systems.redis.target import RedisTarget

CACHE = "cache"
# between the two samples that rates are told from: counters since the start hide what happens now
SAMPLE_SECONDS = 0.4
LOOKUPS_NEEDED = 20
KEYS_SAMPLED = 300
KEYS_NEEDED = 50
BUCKET_SECONDS = 10
# of a name that nobody documented; the rest may be somebody's
SHOWN_PARTS = 3
ROUNDING_MS = 1000

# what a checker has no business with; CONFIG GET among it where it would show a replica's password
_READS = (("get", "key"), ("keys", "*"), ("dump", "key"), ("psync", "?", "-1"), ("monitor",))
_WRITES = (
    *(("set", "key", "value"), ("flushall",), ("config", "set", "maxmemory", "0"), ("config", "rewrite")),
    *(("acl", "setuser", "other"), ("replicaof", "no", "one"), ("shutdown",), ("debug", "sleep", "0")),
    *(("eval", "return 1", "0"), ("client", "kill", "id", "1")),
)
_CONFIG_GET = ("config", "get", "masterauth")


def probe(environment: Environment, target: RedisTarget, deadline: float) -> Found:
    """INFO, what the checker may, and of a cache INFO once more a moment later and a sample of times to live.

    Raises Unreachable, Timeout, Malformed and Unsupported as `redis_session.session` does.
    """
    with session(target, deadline) as asked:
        info = _info(asked)
        began = time.monotonic()
        user, users = asked.need(("ACL", "WHOAMI"), ("ACL", "USERS"))
        forbidden = (*_READS, *_WRITES, *(() if target.role == CACHE else (_CONFIG_GET,)))
        values: dict[str, Any] = {
            "acl > user": user,
            "acl > users": users,
            "acl > checker may": may(asked, target.user, forbidden),
            "without password > answer": without_password(target, max(0.1, asked.left())),
        }
        if target.role == CACHE:
            values |= _ttl_sample(asked, environment.cache_keys)
            time.sleep(max(0.0, min(SAMPLE_SECONDS - (time.monotonic() - began), asked.left())))
            first, info = info, _info(asked)
            values |= _sample(first, info, time.monotonic() - began)
    return info["redis_version"], {**values, **_state(info)}


def _info(asked: Session) -> Mapping[str, str]:
    (text,) = asked.need(("INFO",))
    return fields(text)


def _sample(first: Mapping[str, str], second: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Rates from the difference of two samples, where it is large enough."""

    def grown(name: str) -> int:
        # a restart in between begins to count anew
        return max(0, _number(second, name) - _number(first, name))

    hits, misses = grown("keyspace_hits"), grown("keyspace_misses")
    lookups = hits + misses
    few = Undetermined(f"{lookups} lookups in {seconds:.1f} s; {LOOKUPS_NEEDED} are needed", not lookups)
    ratio = round(hits / lookups, 4) if lookups >= LOOKUPS_NEEDED else few
    return {
        "sample > lookups": lookups,
        "sample > hit ratio": ratio,
        "sample > evictions per second": round(grown("evicted_keys") / seconds, 1),
    }


def _state(info: Mapping[str, str]) -> dict[str, Any]:
    used, limit = _number(info, "used_memory"), _number(info, "maxmemory")
    clients, most = _number(info, "connected_clients"), _number(info, "maxclients")
    databases = [parts(text) for name, text in info.items() if re.fullmatch("db[0-9]+", name)]
    keys = sum(int(each["keys"]) for each in databases)
    return {
        "memory > maxmemory": limit,
        "memory > policy": info.get("maxmemory_policy"),
        "memory > used": used,
        # without a limit nothing is a share of it
        "memory > used share": round(used / limit, 4) if limit else "no limit",
        "clients > maxclients": most,
        "clients > connected": clients,
        "clients > used share": round(clients / most, 4),
        "stats > rejected connections": _number(info, "rejected_connections"),
        "stats > evicted keys": _number(info, "evicted_keys"),
        "stats > hits since start": _number(info, "keyspace_hits"),
        "stats > misses since start": _number(info, "keyspace_misses"),
        **{f"errors > {name}": _errors(info, name) for name in ("OOM", "NOREPLICAS", "MISCONF")},
        "keyspace > keys": keys,
        "keyspace > without ttl": keys - sum(int(each["expires"]) for each in databases) if keys else _NO_KEY,
        "persistence > aof": "yes" if info.get("aof_enabled") == "1" else "no",
        "persistence > last aof write": info.get("aof_last_write_status"),
        **_replication(info),
    }


_NO_KEY = Undetermined("there is no key", empty=True)


def _errors(info: Mapping[str, str], name: str) -> int:
    """How often an error was answered since the start; Redis leaves out what never happened."""
    return int(parts(info.get(f"errorstat_{name}", "count=0"))["count"])


def _replication(info: Mapping[str, str]) -> dict[str, Any]:
    """The link as this node sees it, in whichever role a failover has left it."""
    values: dict[str, Any] = {"replication > role": info.get("role")}
    if info.get("role") == "slave":
        return values | {
            "replication > link": info.get("master_link_status"),
            "replication > seconds since last word": _number(info, "master_last_io_seconds_ago"),
        }
    replicas = [parts(text) for name, text in info.items() if re.fullmatch("slave[0-9]+", name)]
    online = [each for each in replicas if each.get("state") == "online"]
    lag = max((int(each["lag"]) for each in online), default=-1)
    return values | {
        "replication > link": "up" if online else "no replica is online",
        "replication > seconds since last word": lag,
        "replication > replicas online": len(online),
    }


def _number(info: Mapping[str, str], name: str) -> int:
    try:
        return int(info[name])
    except (KeyError, ValueError):
        raise Malformed(f"INFO has no number for {name}: {info.get(name)!r}") from None


# ---------------------------------------------------------------------------------------- times to live


def _ttl_sample(asked: Session, documented: Mapping[str, float]) -> dict[str, Any]:
    """Of keys drawn by chance: how many never expire, and the largest share that expires at the same time.

    And which of them belong to no documented class, or live longer than their class may; told by how they
    begin, since what follows may be about a person.
    """
    drawn = asked.need(*[("RANDOMKEY",)] * KEYS_SAMPLED)
    names = sorted({name for name in drawn if name is not None})
    answers = asked.ask(*(("PTTL", name) for name in names)) if names else []
    foreign = sum(isinstance(answer, client.ResponseError) for answer in answers)
    times = [answer for answer in answers if isinstance(answer, int)]
    # -2: it expired meanwhile
    expiring = [each // (BUCKET_SECONDS * 1000) for each in times if each >= 0]
    few = f"{len(expiring)} keys that expire were drawn; {KEYS_NEEDED} are needed"
    share: Any = Undetermined(few, not names)
    if len(expiring) >= KEYS_NEEDED:
        share = round(max(Counter(expiring).values()) / len(expiring), 4)
    return {
        **_classes(dict(zip(names, answers, strict=True)), documented),
        "ttl sample > keys": len(names),
        "ttl sample > without ttl": times.count(-1) if names else _NO_KEY,
        "ttl sample > outside the cache's names": foreign if names else _NO_KEY,
        f"ttl sample > largest share in {BUCKET_SECONDS} s": share,
    }


_UNDOCUMENTED, _LATE = "ttl sample > undocumented names", "ttl sample > beyond their class"


def _classes(sample: Mapping[str, Any], documented: Mapping[str, float]) -> dict[str, Any]:
    if not sample:
        return dict.fromkeys((_UNDOCUMENTED, _LATE), _NO_KEY)
    unknown, late = set[str](), set[str]()
    for name, left in sample.items():
        if not isinstance(left, int):
            continue
        begins = next((each for each in documented if name.startswith(each)), None)
        if begins is None:
            unknown.add(":".join(name.split(":")[:SHOWN_PARTS]))
        elif left > documented[begins] + ROUNDING_MS:
            late.add(begins)
    return {
        _UNDOCUMENTED: ", ".join(sorted(unknown)) or "none",
        _LATE: ", ".join(sorted(late)) or "none",
    }


# -------------------------------------------------------------------------------- the file and what runs

# the words that may be secret are replaced before they leave the host
_HIDE_CONFIG = r"sed -E 's/^[[:space:]]*(requirepass|masterauth|user|tls-key-file-pass)[[:space:]].*/\1 set/'"
_HIDE_ACL = "sed -E 's/[#>!<][^ ]+/(hidden)/g'"
_MODE = """stat -L -c '%a' -- "$file" 2>/dev/null"""
_MEMORY = frozenset({"maxmemory", "repl-backlog-size"})
_BYTES = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}
# what INFO tells of the configuration, for servers whose CONFIG GET would tell a password as well
_IN_INFO = {
    "maxmemory": "maxmemory",
    "maxmemory-policy": "maxmemory_policy",
    "maxclients": "maxclients",
    "appendonly": "aof_enabled",
    "repl-backlog-size": "repl_backlog_size",
    "port": "tcp_port",
}
_NOT_IN_CONFIG = frozenset({"include", "user", "requirepass", "masterauth", "loadmodule", "rename-command"})


def config(environment: Environment, target: RedisTarget, deadline: float) -> Found:
    """The directives of the file, where what runs differs from them, who may read the files, the backlog.

    Passwords are hidden before they leave the host. What runs is asked by CONFIG GET from a cache, and from
    INFO where CONFIG GET would show the password of a replica. Raises Unreachable where the checker may not
    read the file, Unsupported for includes it does not know of, and as the transport and `session` do.
    """
    with session(target, deadline) as asked:
        info = _info(asked)
        file, secrets, acl = map(shlex.quote, (target.config, target.secrets, target.acl_file))
        questions = {
            "file": f"{_HIDE_CONFIG} -- {file}",
            "secrets": f"{_HIDE_CONFIG} -- {secrets} 2>/dev/null",
            "acl": f"{_HIDE_ACL} -- {acl}",
            "modes": f"for file in {file} {secrets} {acl}; do {_MODE} || echo none; done",
            "directory": f"stat -L -c '%a' -- {shlex.quote(target.directory)}",
            "listen": f"ss -ltnH 'sport = :{target.port}'",
        }
        answers = ask(target.host, questions, max(0.1, asked.left()))
        directives = read(target, _said(target, answers["file"]), answers["secrets"].stdout)
        running = _running(asked, target, info, directives)
    return info["redis_version"], {
        **{f"file > {name}": value for name, value in directives.items() if name not in _LAZY},
        "file > lazy freeing": [name for name in _LAZY if directives.get(name) == "yes"],
        "running > differs from file": _differences(directives, running),
        "running > started from this file": "yes" if info.get("config_file") == target.config else "no",
        "listen > backlog": _backlog(target, _said(target, answers["listen"])),
        **_acl(target, _said(target, answers["acl"])),
        **_modes(answers["modes"].stdout.split(), _said(target, answers["directory"]).strip()),
    }


_LAZY = ("lazyfree-lazy-eviction", "lazyfree-lazy-expire", "lazyfree-lazy-server-del",
         "lazyfree-lazy-user-del", "replica-lazy-flush")  # fmt: skip


def _said(target: RedisTarget, answer: Output) -> str:
    if answer.exit_code:
        said = answer.stderr.strip().splitlines()
        raise Unreachable(f"{target.id}: {said[-1] if said else 'no reason given'}")
    return answer.stdout


def read(target: RedisTarget, text: str, included: str) -> Mapping[str, str]:
    """The directives of a file, the later of two winning, with those of the secrets that it includes.

    Names are in small letters, an empty argument is shown as `""`, several arguments joined by a space.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, *arguments = shlex.split(line)
        except ValueError:
            raise Malformed(
                f"{target.id}: a quotation in {target.config}, line {number}, does not end"
            ) from None
        if name.lower() == "include":
            if arguments != [target.secrets]:
                raise Unsupported(f"{target.id}: {target.config} includes a file other than {target.secrets}")
            found |= read(target, included, "")
        found[name.lower()] = " ".join(argument or '""' for argument in arguments)
    return found


def _running(
    asked: Session, target: RedisTarget, info: Mapping[str, str], directives: Mapping[str, str]
) -> Mapping[str, str]:
    """What runs, by names of directives, as far as it can be asked without being told a password."""
    if target.role != CACHE:
        return {name: info[field] for name, field in _IN_INFO.items() if field in info}
    wanted = sorted(set(directives) - _NOT_IN_CONFIG)
    (answer,) = asked.need(("CONFIG", "GET", *wanted))
    return pairs(answer)


def _differences(directives: Mapping[str, str], running: Mapping[str, str]) -> str:
    """Each directive whose running value is not the file's: `maxclients: 200 in the file, 96 runs`."""
    different = [
        f"{name}: {written} in the file, {running[name] or 'nothing'} runs"
        for name, written in sorted(directives.items())
        if name in running and _plain(name, written) != _plain(name, running[name])
    ]
    return "; ".join(different) or "none"


def _plain(name: str, value: str) -> str:
    """A value as it can be compared: sizes in bytes, where Redis' `1k` is 1000 and its `1kb` 1024."""
    text = value.lower().strip('"')
    size = re.fullmatch("([0-9]+)([a-z]*)", text)
    if name in _MEMORY and size and size[2] in _BYTES:
        return str(int(size[1]) * _BYTES[size[2]])
    return {"yes": "1", "no": "0"}.get(text, text)


def _backlog(target: RedisTarget, text: str) -> int:
    """The length of the queue of the listening socket, which the kernel may have cut."""
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and words[3] in (f"{target.address}:{target.port}", f"*:{target.port}",
                                           f"0.0.0.0:{target.port}"):  # fmt: skip
            return int(words[2])
    raise Unreachable(f"{target.id}: nobody listens on {target.address}:{target.port} on {target.host}")


def _acl(target: RedisTarget, text: str) -> dict[str, Any]:
    """The rules of the checker's user in the file, without its password."""
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["user", target.user]:
            keys = [word for word in words[2:] if word.startswith(("~", "%"))]
            rules = [word for word in words[2:] if word not in (*keys, "on", "(hidden)")]
            return {"acl > checker": rules, "acl > checker's keys": ", ".join(keys) or "none"}
    raise Malformed(f"{target.id}: {target.acl_file} knows no user {target.user}")


def _modes(files: Sequence[str], directory: str) -> dict[str, Any]:
    names = ("config", "secrets", "acl")
    if len(files) != len(names):
        raise Malformed(f"stat answered {files} and not a mode for each file")
    # whoever can list nothing here can read none of the files either
    closed = directory.endswith("0")
    readable = [name for name, mode in zip(names, files, strict=True) if mode != "none" and mode[-1] != "0"]
    return {
        "directory > mode": directory,
        "files > readable by everyone": "none" if closed else ", ".join(readable) or "none",
    }


def _find_directive(segments: Sequence[str]) -> str:
    return grep(segments[0], "-nwE")


PROBES: Mapping[str, Probe] = {
    "redis": Probe(
        probe,
        by_hand={
            "": f"{CLI} INFO",
            "clients": f"{CLI} INFO clients",
            "memory": f"{CLI} INFO memory",
            "keyspace": f"{CLI} INFO keyspace",
            "errors": f"{CLI} INFO errorstats",
            "stats": f"{CLI} INFO stats",
            "replication": f"{CLI} INFO replication",
            "sample": f"for n in 1 2; do {CLI} INFO stats | grep -E '^(keyspace_|evicted_k)'; sleep 1; done",
            "ttl sample": f"for n in $(seq 20); do {CLI} PTTL $({CLI} RANDOMKEY); done",
            "acl": f"{CLI} ACL WHOAMI; {CLI} ACL USERS; {CLI} ACL DRYRUN {{user}} FLUSHALL",
            "without password": "redis-cli -h {address} -p {port} PING",
        },
        tells_version=True,
    ),
    "redis_config": Probe(
        config,
        by_hand={
            "": "grep {search} {config}",
            "acl": "grep -n {user} {acl_file}",
            "running": f"{CLI} INFO",
            "listen": "ss -ltn 'sport = :{port}'",
            "files": "stat -c '%a %U %n' {directory} {config} {acl_file}",
        },
        over=Over.NETWORK | Over.HOST,
        typed_on_host=True,
        search=_find_directive,
    ),
}
