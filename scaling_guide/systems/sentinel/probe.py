"""Sentinel: whether it could order a failover now, and what it knows of master, replicas and its peers."""

import re
from collections.abc import Mapping
from typing import Any

import redis

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found, Malformed
from scaling_guide.probes.probe import Probe
from scaling_guide.systems.redis.session import CLI, fields, may, pairs, session, without_password
from scaling_guide.systems.sentinel.target import SentinelTarget

_FORBIDDEN = (
    *(("sentinel", "failover", "any"), ("sentinel", "set", "any", "quorum", "1"), ("sentinel", "reset", "*")),
    *(("sentinel", "remove", "any"), ("acl", "setuser", "other"), ("shutdown",)),
)
# of what Sentinel tells of a master, by the names that it uses itself
_MASTER = ("flags", "quorum", "num-slaves", "num-other-sentinels", "down-after-milliseconds",
           "failover-timeout", "parallel-syncs")  # fmt: skip


def probe(environment: Environment, target: SentinelTarget, deadline: float) -> Found:
    """The answer to `SENTINEL CKQUORUM`, and master, replicas and the other Sentinels as seen from here.

    Raises Unreachable, Timeout, Malformed and Unsupported as `redis_session.session` does; Unsupported also
    where this Sentinel watches no master of that name.
    """
    service = target.service
    with session(target, deadline) as asked:
        text, user, users, master, replicas, others = asked.need(
            ("INFO",),
            ("ACL", "WHOAMI"),
            ("ACL", "USERS"),
            ("SENTINEL", "MASTER", service),
            ("SENTINEL", "REPLICAS", service),
            ("SENTINEL", "SENTINELS", service),
        )
        (quorum,) = asked.ask(("SENTINEL", "CKQUORUM", service))
        values: dict[str, Any] = {
            "acl > user": user,
            "acl > users": users,
            "acl > checker may": may(asked, target.user, _FORBIDDEN),
            "without password > answer": without_password(target, max(0.1, asked.left())),
        }
    known = pairs(master)
    if missing := [name for name in _MASTER if name not in known]:
        raise Malformed(f"{target.id} says nothing of {', '.join(missing)}")
    seen = [pairs(each) for each in _all(replicas)]
    peers = [pairs(each) for each in _all(others)]
    return fields(text)["redis_version"], {
        **values,
        **_quorum(quorum),
        **{f"master > {name}": known[name] for name in _MASTER},
        "master > address": f"{known['ip']}:{known['port']}",
        "replicas > count": len(seen),
        "replicas > healthy": sum(_is_healthy(each) for each in seen),
        "peers > up": sum(not _is_down(each) for each in peers),
        **{f"replica {each['ip']} > link": each.get("master-link-status") for each in seen},
    }


def _quorum(answer: Any) -> dict[str, Any]:
    """`OK 3 usable Sentinels. Quorum and ... can be reached`, or an error that says why not."""
    said = str(answer)
    usable = re.search(r"([0-9]+) usable Sentinels", said)
    if usable is None:
        raise Malformed(f"not an answer to CKQUORUM: {said[:60]!r}")
    result = "NOQUORUM" if isinstance(answer, redis.ResponseError) else said.split()[0]
    return {"ckquorum > result": result, "ckquorum > usable": int(usable[1]), "ckquorum > says": said}


def _is_down(known: Any) -> bool:
    flags = known.get("flags", "").split(",")
    return bool({"s_down", "o_down", "disconnected"} & set(flags))


def _is_healthy(known: Any) -> bool:
    return not _is_down(known) and known.get("master-link-status") == "ok"


def _all(answer: Any) -> list[Any]:
    if not isinstance(answer, list):
        raise Malformed(f"not a list: {str(answer)[:60]!r}")
    return answer


PROBES: Mapping[str, Probe] = {
    "sentinel": Probe(
        probe,
        by_hand={
            "": f"{CLI} SENTINEL MASTER {{service}}",
            "ckquorum": f"{CLI} SENTINEL CKQUORUM {{service}}",
            "replicas": f"{CLI} SENTINEL REPLICAS {{service}}",
            "peers": f"{CLI} SENTINEL SENTINELS {{service}}",
            "acl": f"{CLI} ACL WHOAMI; {CLI} ACL DRYRUN {{user}} SENTINEL FAILOVER {{service}}",
            "without password": "redis-cli -h {address} -p {port} PING",
        },
    ),
}
