"""How Memcached breaks in real life."""

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from pymemcache import Client

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import edited_by_hand
from scaling_guide.lab.proof.mutations import Mutations
from scaling_guide.systems.memcached.target import MemcachedTarget


@asynccontextmanager
async def memory_cut(bench: Bench) -> AsyncIterator[str]:
    """Some client took most of the memory away. Any client may."""
    await bench.restore()
    target = bench.target
    assert isinstance(target, MemcachedTarget)
    client = Client((target.address, target.port), timeout=2)
    before = int(client.stats()[b"limit_maxbytes"]) >> 20
    client.cache_memlimit(64)
    try:
        yield "cache_memlimit 64"
    finally:
        client.cache_memlimit(before)
        client.close()


@asynccontextmanager
async def connections_exhausted(bench: Bench) -> AsyncIterator[str]:
    """Room for few, and many came. The counter outlives them, not a restart."""
    target = bench.target
    assert isinstance(target, MemcachedTarget)
    await bench.put(bench.rendered({"memcached-connections": 200}))
    with ExitStack() as held:
        for _ in range(300):
            last = held.enter_context(socket.create_connection((target.address, target.port), timeout=2))
        # the one for whom there is no room is told so
        last.recv(100)
    yield "300 connections, room for 200"


MUTATIONS: Mutations = {
    "memcached-memory-cut": memory_cut,
    "memcached-connections-exhausted": connections_exhausted,
    "memcached-file-changed": edited_by_hand,
}
