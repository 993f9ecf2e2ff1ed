"""PgBouncer with another configuration than its file, the wrong servers, or too little of either."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import psycopg

from scaling_guide.lab import waiting
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import changed_on_disk, edited
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres.mutations.statements import LAND_SECONDS


def pooler_of(bench: Bench) -> PgbouncerTarget:
    assert isinstance(bench.target, PgbouncerTarget)
    return bench.target


def console(do: str, undo: str) -> Applied:
    """A command on PgBouncer's console, and its inverse."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        try:
            await asyncio.to_thread(pgbouncer.tell, bench.lab, pooler_of(bench), do)
            yield do
        finally:
            await asyncio.to_thread(pgbouncer.tell, bench.lab, pooler_of(bench), undo)

    return applied


@asynccontextmanager
async def pool_saturated(bench: Bench) -> AsyncIterator[str]:
    """More clients with a transaction open than the pool has connections."""
    await bench.restore()
    target = pooler_of(bench)
    settings = pgbouncer.settings(bench.lab, target)
    size = sum(int(settings[key][0]) for key in ("default_pool_size", "reserve_pool_size"))
    with ExitStack() as stack:
        for number in range(size + 2):
            client = stack.enter_context(_client(bench, target))
            begin = threading.Thread(target=_begin, args=(client,), daemon=True)
            begin.start()
            if number < size:
                # PgBouncer logs on to the server once at a time
                await asyncio.to_thread(begin.join, 0.3)
        await _waiting(bench, lambda clients, longest: longest >= 2)
        yield f"{size + 2} clients for {size} connections"
    await _waiting(bench, lambda clients, longest: clients == 0)


def _begin(client: psycopg.Connection[tuple[str, ...]]) -> None:
    with contextlib.suppress(psycopg.Error):
        client.execute(b"begin; select 1")


@contextmanager
def _client(bench: Bench, target: PgbouncerTarget) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    client = psycopg.connect(
        host=target.address,
        port=target.port,
        user="app",
        dbname=target.database,
        passfile=str(identities.passfile(bench.lab, "app")),
        autocommit=True,
        prepare_threshold=None,
    )
    try:
        yield client
    finally:
        # also where another thread waits for an answer on it
        with socket.socket(fileno=os.dup(client.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)


async def _waiting(bench: Bench, so: Callable[[int, float], bool]) -> None:
    """Return once it is so with the clients that wait and the longest wait. Raises DidNotLand."""

    async def missing() -> str | None:
        found = await asyncio.to_thread(pgbouncer.queue, bench.lab, pooler_of(bench))
        return None if so(*found) else f"{found[0]} clients waited, the first for {found[1]:g} s"

    try:
        await waiting.until(missing, LAND_SECONDS)
    except TimeoutError as error:
        raise DidNotLand(str(error)) from None


def leading(database: str, to: str) -> Applied:
    """A database of PgBouncer that leads to another server than it should."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        target = pooler_of(bench)
        other = bench.environment.targets[str(getattr(target, to))]
        change = edited((rf"^({target.database}{database} = host=)\S+", rf"\g<1>{other.address}"))
        async with change(bench) as said:
            yield said

    return applied


MUTATIONS: Mutations = {
    "reload-forgotten": changed_on_disk((r"^default_pool_size = [0-9]+", "default_pool_size = 9")),
    "pool-size-by-console": console("SET default_pool_size=30", "RELOAD"),
    "pools-beyond-server": console("SET max_db_connections=400", "RELOAD"),
    "database-paused": console("PAUSE appdb", "RESUME appdb"),
    "pool-saturated": pool_saturated,
    "pooler-to-replica": leading("", "replica"),
    "readers-to-primary": leading("_ro", "primary"),
    "files-limited": edited((r"^LimitNOFILE=.*", "LimitNOFILE=512")),
}
