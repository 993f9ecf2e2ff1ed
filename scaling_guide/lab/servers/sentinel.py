"""Sentinel: three that watch over the sessions. Each rewrites its own file with what it learns."""

import asyncio
import secrets
from pathlib import Path

import redis

from scaling_guide.lab import files, passwords, processes
from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server
from scaling_guide.lab.servers.redis import make_passwords, missing, operator, own
from scaling_guide.model.environments import Environment, SentinelTarget


def server(
    lab: Lab, environment: Environment, target: SentinelTarget, render: Render, needs: tuple[str, ...] = ()
) -> Server:
    """The Sentinel that this target describes; ready when it knows a replica and its peers know it."""
    user = processes.ordinary_user("redis")
    peers = len(environment.of(target.system)) - 1
    make_passwords(lab)

    def prepare() -> None:
        files.write(lab.directory(target.id), passwords.filled(lab, render()))
        password = passwords.read(lab, "redis-sentinel")
        lines = (
            f"sentinel auth-pass {target.service} {password}",
            f"sentinel sentinel-pass {password}",
            # so that one that forgot everything is not a fourth for its peers
            f"sentinel myid {secrets.token_hex(20)}",
        )
        write_secret(Path(target.secrets), "\n".join((*lines, "")).encode())
        own(lab.directory(target.id), user)

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(_missing, target, pid, peers)

    return Server(
        name=target.id,
        argv=(target.binary, target.config),
        binds=(Bind(target.address, target.port),),
        needs=needs,
        user=user,
        prepare=prepare,
        ready=ready,
    )


def _missing(target: SentinelTarget, pid: int, peers: int) -> str | None:
    return missing(target, pid) or unaware(target, peers)


def unaware(target: SentinelTarget, peers: int) -> str | None:
    """What a Sentinel has yet to learn before it is of use: its master, a replica with a link, its peers."""
    try:
        with operator(target) as connection:
            master = connection.sentinel_master(target.service)
            replicas = connection.sentinel_slaves(target.service)
    except redis.RedisError as error:
        return str(error)
    if master["is_sdown"] or master["is_disconnected"]:
        return "its master is down"
    if not any(each["master-link-status"] == "ok" for each in replicas):
        return "it knows no replica with a link"
    if master["num-other-sentinels"] < peers:
        return f"it knows {master['num-other-sentinels']} of its {peers} peers"
    return None
