"""Sentinel: three that watch over the sessions. Each rewrites its own file with what it learns."""

import secrets

import redis

from scaling_guide.lab import passwords
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import Render, Server
from scaling_guide.lab.servers.redis import missing, operator, started_with_secrets
from scaling_guide.model.environments import Environment, SentinelTarget


def server(
    lab: Lab, environment: Environment, target: SentinelTarget, render: Render, needs: tuple[str, ...] = ()
) -> Server:
    """The Sentinel that this target describes; ready when it knows a replica and its peers know it."""
    peers = len(environment.of(target.system)) - 1

    def secret_lines() -> tuple[str, ...]:
        password = passwords.read(lab, "redis-sentinel")
        return (
            f"sentinel auth-pass {target.service} {password}",
            f"sentinel sentinel-pass {password}",
            # so that one that forgot everything is not a fourth for its peers
            f"sentinel myid {secrets.token_hex(20)}",
        )

    def lack(pid: int) -> str | None:
        return missing(target, pid) or unaware(target, peers)

    return started_with_secrets(lab, target, render, needs, secret_lines, lack)


def unaware(target: SentinelTarget, peers: int) -> str | None:
    """What a Sentinel has yet to learn before it is of use: its master, a replica with a link, its peers.

    Raises LabError where it never will, because it watches over nothing of that name.
    """
    try:
        with operator(target) as connection:
            master = connection.sentinel_master(target.service)
            replicas = connection.sentinel_slaves(target.service)
    except redis.ResponseError as error:
        raise LabError(f"{target.id}: {error}", target.id) from None
    except redis.RedisError as error:
        return str(error)
    if master["is_sdown"] or master["is_disconnected"]:
        return "its master is down"
    if not any(each["master-link-status"] == "ok" for each in replicas):
        return "it knows no replica with a link"
    if master["num-other-sentinels"] < peers:
        return f"it knows {master['num-other-sentinels']} of its {peers} peers"
    return None
