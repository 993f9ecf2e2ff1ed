"""Sentinel: three that watch over the sessions. Each rewrites its own file with what it learns."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import redis

from scaling_guide.lab import passwords
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.redis.server import missing, operator, started_with_secrets
from scaling_guide.systems.sentinel.target import SentinelTarget


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


_SET = ("down-after-milliseconds", "failover-timeout", "parallel-syncs")


def told(target: SentinelTarget, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Make a Sentinel that runs `before` run `after` by SENTINEL SET. False where that takes a restart."""
    name = Path(target.config).name
    old, new = _options(target, before), _options(target, after)
    rest = [{**texts, name: _without_options(target, texts[name])} for texts in (before, after)]
    if rest[0] != rest[1] or old.keys() != new.keys():
        return False
    with operator(target) as connection:
        for option, value in new.items():
            if old[option] != value:
                connection.sentinel_set(target.service, option, value)
    return True


def _options(target: SentinelTarget, texts: Mapping[str, str]) -> dict[str, str]:
    """What SENTINEL SET can change, by its name there."""
    found = {}
    for line in texts[Path(target.config).name].splitlines():
        match line.split():
            case ["sentinel", option, target.service, value] if option in _SET:
                found[option] = value
            case ["sentinel", "monitor", target.service, _, _, quorum]:
                found["quorum"] = quorum
    return found


def _without_options(target: SentinelTarget, text: str) -> list[str]:
    """The lines with the values left out that SENTINEL SET can change."""
    ends = tuple(f"sentinel {option} {target.service} " for option in (*_SET, "monitor"))
    return [line.rpartition(" ")[0] if line.startswith(ends) else line for line in text.splitlines()]


# what a Sentinel wrote into its own file, and what the file of a new one lacks
_LEARNED = ("sentinel known-", "sentinel current-epoch", "sentinel config-epoch", "sentinel leader-epoch")
_REPLICA = "sentinel known-replica"


def with_learned(
    environment: Environment, target: SentinelTarget, texts: Mapping[str, str]
) -> dict[str, str]:
    """The texts, with what this Sentinel has learned and noted in its file since it was made.

    Whoever edits the file of a Sentinel leaves those lines alone; it would look for its peers anew. A replica
    that the environment does not have is left out: that was another, by a name that it should not have used.
    """
    path = Path(target.config)
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    nodes = {each.address for each in environment.of("redis")}
    learned = [
        line
        for line in lines
        if line.startswith(_LEARNED) and not (line.startswith(_REPLICA) and line.split()[3] not in nodes)
    ]
    return {**texts, path.name: texts[path.name] + "".join(learned)}
