"""How a group of Sentinels breaks in real life."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import redis

from scaling_guide.lab import waiting
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import documented
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.redis.mutations import NOTICED_SECONDS, acl, node_of, nodes, settled_again
from scaling_guide.systems.redis.server import patience
from scaling_guide.systems.sentinel.target import SentinelTarget


def servers_gone(
    choose: Callable[[Bench], Sequence[str]], seen: Callable[[Bench, redis.Redis], bool]
) -> Applied:
    """Servers are dead, and this Sentinel has noticed."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        gone = choose(bench)
        for name in gone:
            await bench.order("kill", name)
        try:
            with node_of(bench) as node, _hasty(bench):

                async def unnoticed() -> str | None:
                    return None if seen(bench, node) else "the Sentinel had not noticed"

                await waiting.until(unnoticed, NOTICED_SECONDS)
                yield f"{' and '.join(gone)} killed"
        finally:
            await asyncio.gather(*(bench.order("start", name) for name in gone))
            await settled_again(bench)

    return applied


@contextmanager
def _hasty(bench: Bench) -> Iterator[None]:
    """This Sentinel waits no longer than it must until a server counts as down."""
    assert isinstance(bench.target, SentinelTarget)
    shortest, _ = documented(bench, "sentinel-down-after")
    before = patience(bench.target, shortest)
    try:
        yield
    finally:
        patience(bench.target, before)


def _peers(bench: Bench) -> list[str]:
    return [each.id for each in bench.environment.of("sentinel") if each.id != bench.target.id]


def _usable(most: int) -> Callable[[Bench, redis.Redis], bool]:
    def seen(bench: Bench, node: Any) -> bool:
        peers = node.sentinel_sentinels(_service(bench))
        return sum(not each["is_sdown"] for each in peers) + 1 <= most

    return seen


def _service(bench: Bench) -> str:
    assert isinstance(bench.target, SentinelTarget)
    return bench.target.service


def _replica_down(bench: Bench, node: Any) -> bool:
    return all(each["is_sdown"] for each in node.sentinel_slaves(_service(bench)))


def _all_down(bench: Bench, node: Any) -> bool:
    return bool(node.sentinel_master(_service(bench))["is_sdown"]) and _replica_down(bench, node)


MUTATIONS: Mutations = {
    "redis-default-user-on": acl("default", "on", "nopass", "+@all"),
    "redis-checker-powerful": acl("checker", "+@all"),
    "redis-user-unknown": acl("intruder", "on", "nopass", "+@all"),
    "sentinel-peer-gone": servers_gone(lambda bench: _peers(bench)[:1], _usable(2)),
    "sentinel-majority-gone": servers_gone(_peers, _usable(1)),
    "sentinel-replica-gone": servers_gone(lambda bench: [nodes(bench)[1].id], _replica_down),
    "sentinel-nodes-gone": servers_gone(lambda bench: [each.id for each in nodes(bench)], _all_down),
}
