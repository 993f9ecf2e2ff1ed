"""Memcached: its counters and settings, its queue, and whether it was started after its file last changed.

The protocol knows no user who may only read, so nothing but `stats` is ever sent.
"""

import shlex
import time
from collections.abc import Mapping
from typing import Any

from pymemcache import Client
from pymemcache.exceptions import MemcacheError, MemcacheUnexpectedCloseError, MemcacheUnknownCommandError

from scaling_guide.model.environments import Environment
from scaling_guide.probes import staleness
from scaling_guide.probes.observation import Found, Malformed, Timeout, Unreachable
from scaling_guide.probes.probe import Over, Probe
from scaling_guide.probes.transport import ask
from scaling_guide.systems.memcached.target import MemcachedTarget

_SETTINGS = ("inter", "tcpport", "udpport", "maxconns", "num_threads", "item_size_max", "tcp_backlog",
             "flush_enabled", "dump_enabled", "idle_timeout", "evictions")  # fmt: skip
_STATS = ("curr_connections", "rejected_connections", "listen_disabled_num", "evictions", "curr_items",
          "get_hits", "get_misses", "bytes", "uptime")  # fmt: skip
_MIB = 1 << 20


def probe(environment: Environment, target: MemcachedTarget, deadline: float) -> Found:
    """`stats` and `stats settings` of `target`, its queue of connections as the kernel has it, and the age of
    its process against that of its file.

    Raises Unreachable where nobody answers or every connection is taken, Timeout, Malformed, and as the
    transport does.
    """
    ends = time.monotonic() + deadline
    stats, settings = _stats(target, deadline)
    try:
        pid, version = int(stats["pid"]), stats["version"]
        limit, used = int(stats["limit_maxbytes"]), int(stats["bytes"])
        connections, most = int(stats["curr_connections"]), int(settings["maxconns"])
        values = {
            **{f"settings > {name}": settings[name] for name in _SETTINGS},
            **{f"stats > {name}": stats[name] for name in _STATS},
            "memory > limit in MiB": limit // _MIB,
            "memory > used share": round(used / limit, 4),
            "connections > used share": round(connections / most, 4),
        }
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise Malformed(f"{target.id}: the answer to `stats` lacks something: {error}") from None
    values |= _on_host(target, pid, max(0.1, ends - time.monotonic()))
    return version, values


def _stats(target: MemcachedTarget, deadline: float) -> tuple[Mapping[str, str], Mapping[str, str]]:
    name = f"{target.id} at {target.address}:{target.port}"
    asked = Client((target.address, target.port), connect_timeout=deadline, timeout=deadline)
    try:
        return _text(asked.stats()), _text(asked.stats("settings"))
    except TimeoutError:
        raise Timeout(f"{name} did not answer within {deadline:g} s") from None
    except MemcacheUnexpectedCloseError:
        raise Unreachable(f"{name} closed the connection") from None
    except OSError as error:
        raise Unreachable(f"{name}: {error.strerror or error}") from None
    except MemcacheUnknownCommandError:
        # all that is left of `ERROR Too many open connections`
        raise Unreachable(f"{name} answers ERROR to everything: no connection is left") from None
    except (MemcacheError, ValueError, IndexError) as error:
        raise Malformed(f"{name} does not speak Memcached's protocol: {str(error)[:80]}") from None
    finally:
        asked.close()


def _text(answer: Mapping[bytes, Any]) -> Mapping[str, str]:
    """The answer as Memcached wrote it: the client has turned some values into Python's own."""
    return {
        name.decode(): _written(value.decode() if isinstance(value, bytes) else value)
        for name, value in answer.items()
    }


def _written(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _on_host(target: MemcachedTarget, pid: int, deadline: float) -> dict[str, Any]:
    questions = {
        "listen": f"ss -ltnH 'sport = :{target.port}'",
        "file": f"printf '%s\\n' {shlex.quote(target.config)} | {staleness.CHANGES}",
        "process": f"cat /proc/{pid}/stat",
        "clock": staleness.CLOCK,
    }
    answers = ask(target.host, questions, deadline)
    if answers["process"].exit_code:
        raise Unreachable(f"process {pid} of {target.id} cannot be seen on {target.host}: is it its host?")
    ticks = staleness.start_ticks(answers["process"].stdout.strip())
    changed = staleness.newest_change(answers["file"].stdout)
    older = staleness.clock(answers["clock"].stdout).started_before(ticks, changed)
    return {
        "process > older than file": "yes" if older else "no",
        "listen > backlog": _backlog(target, answers["listen"].stdout),
    }


def _backlog(target: MemcachedTarget, text: str) -> int:
    """The length of the queue of the listening socket, which the kernel may have cut."""
    own = (f"{target.address}:{target.port}", f"*:{target.port}", f"0.0.0.0:{target.port}")
    for words in map(str.split, text.splitlines()):
        if len(words) > 3 and words[3] in own:
            return int(words[2])
    raise Unreachable(f"{target.id}: nobody listens on {target.address}:{target.port} on {target.host}")


PROBES: Mapping[str, Probe] = {
    "memcached": Probe(
        probe,
        by_hand={
            "": "printf 'stats\r\nquit\r\n' | socat - TCP:{address}:{port}",
            "settings": "printf 'stats settings\r\nquit\r\n' | socat - TCP:{address}:{port}",
            "process": "stat -c '%y %n' {config}; ps -o pid,lstart -C memcached",
            "listen": "ss -ltn 'sport = :{port}'",
        },
        over=Over.NETWORK | Over.HOST,
        tells_version=True,
    ),
}
