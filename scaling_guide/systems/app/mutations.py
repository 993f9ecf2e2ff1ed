"""How an application behind a load balancer breaks in real life."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.redis.target import RedisTarget

_SECONDS_BETWEEN_CRASHES = 0.7


@asynccontextmanager
async def app_draining(bench: Bench) -> AsyncIterator[str]:
    """An application that was told to drain, and never told to stop draining."""
    await bench.restore()
    os.kill(bench.pid, signal.SIGUSR1)
    try:
        yield "SIGUSR1"
    finally:
        os.kill(bench.pid, signal.SIGUSR2)


@asynccontextmanager
async def app_killed(bench: Bench) -> AsyncIterator[str]:
    """An application that ended in the middle of its work, as the kernel ends one that takes too much."""
    await bench.order("kill")
    try:
        yield "SIGKILL"
    finally:
        await bench.order("start")


@asynccontextmanager
async def server_crashing(bench: Bench) -> AsyncIterator[str]:
    """An application that dies every second or so and is started again by its supervisor."""

    async def crash() -> None:
        while True:
            await bench.order("kill")
            await bench.order("start")
            await asyncio.sleep(_SECONDS_BETWEEN_CRASHES)

    crashing = asyncio.create_task(crash())
    try:
        yield "killed and started again every second"
    finally:
        crashing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await crashing
        await bench.order("start")


def app_fault(line: str) -> Applied:
    """The application started with a fault built in."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await _started_with(bench, line)
        yield line

    return applied


async def _started_with(bench: Bench, line: str) -> None:
    await bench.put({name: f"{text}{line}\n" for name, text in bench.pristine.items()})


@asynccontextmanager
async def sessions_pinned(bench: Bench) -> AsyncIterator[str]:
    """An application with the address of the node that was the master when somebody wrote it down."""
    nodes = [each for each in bench.environment.of("redis") if each.role == "sessions"]
    (master,) = (each for each in nodes if isinstance(each, RedisTarget))
    line = f"APP_SESSIONS={master.address}:{master.port}"
    await _started_with(bench, line)
    yield line


MUTATIONS: Mutations = {
    "app-draining": app_draining,
    "server-crashing": server_crashing,
    "app-killed": app_killed,
    "app-liveness-failing": app_fault("APP_LIVENESS_STATUS=503"),
    "app-health-cached": app_fault("APP_HEALTH_CACHE_CONTROL=public, max-age=60"),
    "app-sessions-pinned": sessions_pinned,
    "app-old-version": app_fault("APP_VERSION=0.9"),
    "api-slow": app_fault("APP_REGRESSION=slow"),
    "api-slow-tail": app_fault("APP_REGRESSION=slow-tail"),
    "api-failing": app_fault("APP_REGRESSION=failing"),
}
