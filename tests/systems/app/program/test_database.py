"""Without a database, or with one that is exhausted, gone or silent, the application says so soon."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.systems.app.program.database import (
    BREAK_SECONDS,
    Database,
    Patience,
    Session,
    Spent,
    Unavailable,
)
from scaling_guide.systems.app.program.items import REGRESSIONS
from scaling_guide.systems.postgres import identities
from tests.systems.app.program.asking import ask, places
from tests.systems.app.program.test_service import client_of, make

READ, WRITE = "/api/customers/7/orders", "/api/events"
SLOW, SLOW_EACH = "/regressions/slow-tail/api/items", REGRESSIONS["slow-tail"].each
# far below every patience, and enough for a machine with other work
# far below what a hang takes: the patience of pools here is 20 s and more
SOON = 5.0
QUERY_WAIT_SECONDS = 10.0
PATIENCE = Patience(size=2, checkout=0.2, lifetime=60.0, connect=2.0, request=5.0)


async def read(client: httpx.AsyncClient) -> httpx.Response:
    return await client.get(READ)


async def write(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post(WRITE)


def told_to_come_again(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.headers.get("retry-after")) == (503, "1")


def part(answer: httpx.Response, name: str) -> float:
    """The milliseconds of one part of Server-Timing."""
    return float(answer.headers["server-timing"].partition(f"{name};dur=")[2].partition(",")[0].split(";")[0])


async def healthy(client: httpx.AsyncClient) -> bool:
    return [(await client.get(path)).status_code for path in ("/livez", "/readyz")] == [200, 200]


@contextmanager
def away(where: Lab, server: str) -> Iterator[None]:
    """The server stopped, and started again afterwards."""
    lifecycle.command("stop", server, where.number)
    try:
        yield
    finally:
        lifecycle.command("start", server, where.number)


async def back(client: httpx.AsyncClient, path: str, within: float) -> float:
    """The seconds until a read succeeds. Raises TimeoutError when that takes longer."""
    begun = time.monotonic()
    async with asyncio.timeout(within):
        while (await client.get(path)).status_code != 200:
            await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def writing_again(client: httpx.AsyncClient, within: float) -> float:
    """The seconds until a write succeeds. Raises TimeoutError when that takes longer."""
    begun = time.monotonic()
    async with asyncio.timeout(within):
        while (await write(client)).status_code != 201:
            await asyncio.sleep(0.01)
    return time.monotonic() - begun


# ---------------------------------------------------------------------------------------------- no database


@pytest.mark.parametrize("path", ["/api/items", READ, "/api/orders/1"])
def test_without_a_database_its_routes_say_so(tmp_path: Path, path: str) -> None:
    client = client_of(make(tmp_path))
    answer = client.get(path)
    assert told_to_come_again(answer)
    assert answer.json() == {"error": "this instance has no database"}
    assert client.get("/readyz").status_code == 200


def test_it_starts_without_waiting_for_the_database(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        begun = time.monotonic()
        assert await healthy(client)
        assert told_to_come_again(await read(client))
        assert time.monotonic() - begun < SOON

    ask(tmp_path, places(live, port=1), talk)


# ---------------------------------------------------------------------------------------------- exhausted


def test_whoever_gets_no_connection_in_time_is_told_to_come_again(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        await back(client, READ, within=10)
        for _ in range(SLOW_EACH - 1):
            await client.get(SLOW)
        # the other pool has connections, and so has this one when the statement is done
        held, refused, written = await asyncio.gather(client.get(SLOW), read(client), write(client))
        assert told_to_come_again(refused)
        assert [held.status_code, written.status_code] == [200, 201]
        assert (await read(client)).status_code == 200
        waited, database = (part(refused, name) for name in ("pool", "db"))
        assert 100 <= waited < part(held, "db")
        assert database == 0

    ask(tmp_path, places(live), talk, pool_size=1, pool_timeout=0.1)


def test_whoever_waits_shortly_is_served(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        return [answer.status_code for answer in await asyncio.gather(*(read(client) for _ in range(40)))]

    assert ask(tmp_path, places(live), talk, pool_size=2) == [200] * 40


@asynccontextmanager
async def opened(where: Lab) -> AsyncIterator[Database]:
    database = Database(places(where), PATIENCE)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def test_a_statement_that_the_server_cancels_is_no_failure_of_the_connection(live: Lab) -> None:
    async def cancelled(session: Session) -> httpx.Response:
        await session.rows("select pg_cancel_backend(pg_backend_pid()), pg_sleep(1)")
        raise AssertionError("it was not cancelled")

    async def run() -> None:
        async with opened(live) as database:
            assert database.primary is not None
            with pytest.raises(Unavailable, match="canceling statement due to user request"):
                await database.primary.run(cancelled, Spent())  # type: ignore[arg-type]
            # nothing is closed for a moment
            with pytest.raises(Unavailable, match="canceling statement due to user request"):
                await database.primary.run(cancelled, Spent())  # type: ignore[arg-type]

    asyncio.run(run())


# ----------------------------------------------------------------------------------------------- away


def test_while_the_pooler_is_away_answers_are_quick_and_it_is_found_when_it_is_back(
    live: Lab, tmp_path: Path
) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        assert (await read(client)).status_code == 200
        with away(live, "pgbouncer"):
            begun = time.monotonic()
            answers = [await ask_once(client) for _ in range(3) for ask_once in (read, write)]
            assert time.monotonic() - begun < SOON
            assert all(map(told_to_come_again, answers))
            assert await healthy(client)
        # each pool finds it by itself
        assert await back(client, READ, within=10) < BREAK_SECONDS + SOON
        assert await writing_again(client, within=10) < BREAK_SECONDS + SOON

    ask(tmp_path, places(live), talk)


def test_those_who_wait_already_are_told_when_the_pooler_goes(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        with away(live, "pgbouncer"):
            begun = time.monotonic()
            answers = await asyncio.gather(*(read(client) for _ in range(20)))
            assert time.monotonic() - begun < SOON
            assert all(map(told_to_come_again, answers))
        await back(client, READ, within=10)

    ask(tmp_path, places(live), talk, pool_timeout=20.0)


def test_a_restart_of_the_pooler_between_two_requests_is_not_noticed(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        await asyncio.gather(*(read(client) for _ in range(5)))
        lifecycle.command("restart", "pgbouncer", live.number)
        return [(await read(client)).status_code for _ in range(8)]

    assert ask(tmp_path, places(live), talk) == [200] * 8


def test_without_the_replica_reads_that_may_be_late_fail_and_the_rest_goes_on(
    live: Lab, tmp_path: Path
) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        assert (await read(client)).status_code == 200
        with away(live, "postgres-replica"):
            begun = time.monotonic()
            assert all([told_to_come_again(await read(client)) for _ in range(8)])
            # the first may wait in the pooler, which asks the replica once more before it gives up
            assert time.monotonic() - begun < QUERY_WAIT_SECONDS + SOON
            assert (await write(client)).status_code == 201
            assert (await client.get("/api/orders/7")).status_code == 200
            assert await healthy(client)
        # as soon as the pooler tries it again
        await back(client, READ, within=15)

    ask(tmp_path, places(live), talk)


def test_a_pooler_that_is_silent_is_not_waited_for(live: Lab, tmp_path: Path) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(read(client) for _ in range(5)))
        pid = lifecycle.status(live.number).servers["pgbouncer"].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            answers = await asyncio.gather(*(read(client) for _ in range(10)))
            assert 0.4 < time.monotonic() - begun < 0.4 + SOON
            assert all(map(told_to_come_again, answers))
            assert await healthy(client)
        finally:
            os.kill(pid, signal.SIGCONT)
        await back(client, READ, within=15)

    ask(tmp_path, places(live), talk, pool_timeout=0.1, database_timeout=0.4)


# ---------------------------------------------------------------------------------------------- password


def test_the_password_can_be_read_by_its_owner_only_and_is_in_no_command_line(live: Lab) -> None:
    passfile = identities.passfile(live, "app")
    password = identities.passwords(live)["app"]
    assert passfile.stat().st_mode & 0o777 == 0o600
    pid = lifecycle.status(live.number).servers["app-1"].pid
    command = psutil.Process(pid).cmdline()
    assert f"--passfile={passfile}" in command
    assert not any(password in part for part in command)
