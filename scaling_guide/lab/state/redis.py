"""Redis and Sentinel: settings that run, users, and who is the master."""

import re
from hashlib import sha256
from typing import Any

from scaling_guide.lab.servers.redis import operator
from scaling_guide.model.environments import Environment, RedisTarget, SentinelTarget
from scaling_guide.probes.observation import Found

_SECRET = frozenset({"masterauth", "requirepass", "tls-key-file-pass", "tls-client-key-file-pass"})
# told by the role; and old names of what is told by a new one
_NOT_TOLD = re.compile("replicaof|.*slave.*")
_MASTER = ("quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs")


def node(environment: Environment, target: RedisTarget) -> Found:
    """What runs in a Redis server. Raises redis.RedisError."""
    with operator(target) as connection:
        version = str(connection.info("server")["redis_version"])
        settings = {str(name): str(value) for name, value in connection.config_get("*").items()}
        role: list[Any] = connection.execute_command("ROLE")
        users = _users(connection)
    follows = f"replica of {_named(environment, role[1])}" if role[0] == "slave" else str(role[0])
    return version, {
        "role": follows,
        **users,
        **{
            f"config > {name}": _digest(value) if name in _SECRET and value else value
            for name, value in settings.items()
            if not _NOT_TOLD.fullmatch(name)
        },
    }


def sentinel(environment: Environment, target: SentinelTarget) -> Found:
    """Who is the master for a Sentinel, and by which rules. Raises redis.RedisError."""
    with operator(target) as connection:
        version = str(connection.info("server")["redis_version"])
        known = connection.sentinel_master(target.service)
        users = _users(connection)
    rules = {name: str(known[name]) for name in _MASTER}
    return version, {"master": _named(environment, str(known["ip"])), **rules, **users}


def _users(connection: Any) -> dict[str, str]:
    """A digest of the rules of each user, who may have a password in them."""
    lists = connection.execute_command("ACL", "LIST")
    return {f"user > {line.split()[1]}": _digest(line) for line in lists}


def _named(environment: Environment, address: str) -> str:
    """The server at that address, by its name here."""
    for target in environment.targets.values():
        if target.address == address:
            return target.id
    return address


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
