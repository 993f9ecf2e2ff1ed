"""A lab of the tests' own, which is down again afterwards."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from scaling_guide.lab import lifecycle, lock
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.owner import Owner
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.processes import Watchdog
from scaling_guide.lab.server import Server
from scaling_guide.lab.waiting import pauses
from tests.numbers import own_number

Events = list[Mapping[str, Any]]
Act = Callable[[Owner], Awaitable[None]]


def processes_of(where: Lab) -> list[str]:
    """Every living process that works in the directory of a lab or names it."""
    found = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            works_there = process.cwd().startswith(f"{where.root}/") or process.cwd() == str(where.root)
            if process.status() != psutil.STATUS_ZOMBIE and (works_there or str(where.root) in command):
                found.append(f"{process.pid} {command}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def gone_within(where: Lab, seconds: float) -> list[str]:
    """What still runs of a lab when it had that much time to end; nothing, as soon as nothing does."""
    left = processes_of(where)
    for pause in pauses(seconds):
        if not left:
            break
        time.sleep(pause)
        left = processes_of(where)
    return left


@contextmanager
def up(fleet: Callable[[Lab, str], list[Server]]) -> Iterator[Lab]:
    """A lab with the servers of one of the functions in `fleets`."""
    with own_number() as where:
        lifecycle.up(where.number, fleet=f"{fleet.__module__}:{fleet.__name__}")
        yield where


@pytest.fixture
def where() -> Iterator[Lab]:
    """A lab that is down, with an empty directory."""
    with own_number() as where:
        yield where


@pytest.fixture
def beside() -> Iterator[Lab]:
    """A second such lab."""
    with own_number() as where:
        yield where


@pytest.fixture
def events() -> Events:
    """What the owner of the servers told its caller."""
    return []


@pytest.fixture
def watchdog(where: Lab) -> Iterator[Watchdog]:
    lock_fd = lock.take(where)
    assert lock_fd is not None
    watchdog = Watchdog(where, lock_fd)
    os.close(lock_fd)
    yield watchdog
    watchdog.close()


@pytest.fixture
def run(where: Lab, watchdog: Watchdog, events: Events) -> Callable[..., None]:
    """Runs a coroutine function with the owner of the given servers, and stops them afterwards."""

    def run(servers: list[Server], act: Act) -> None:
        async def main() -> None:
            owner = Owner(where, "small", servers, watchdog, events.append)
            try:
                await act(owner)
            finally:
                await owner.halt_all()

        asyncio.run(main())

    return run


def bind(where: Lab, host: int) -> Bind:
    return Bind(f"{where.net}.{host}", 8000)


async def becomes(owner: Owner, name: str, state: str) -> None:
    async with asyncio.timeout(5):
        while owner.entries[name].state != state:
            await asyncio.sleep(0.01)
