"""The application's databases, reached through a pooler, and none of them able to take the application down.

A pool for each of them is open from the start, whether or not there is a database. Whoever gets no
connection, or no answer, is told so soon: `Unavailable`, which the routes answer with 503 and when to come
again.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

BREAK_SECONDS = 1.0
CLOSE_SECONDS = 1.0

Connection = psycopg.AsyncConnection[DictRow]


class Unavailable(Exception):
    """Why the database cannot be had now."""


@dataclass(frozen=True)
class Places:
    """Where the database is, as `host:port/name`, and where the one for reads that may be late."""

    primary: str | None = None
    readers: str | None = None
    user: str = "app"
    passfile: Path | None = None


@dataclass(frozen=True)
class Patience:
    """How many connections each pool has, and the seconds that are waited for one, to make one, and for a
    request with all its statements; after `lifetime` seconds a connection is made anew."""

    size: int
    checkout: float
    lifetime: float
    connect: float
    request: float


@dataclass
class Spent:
    """What a request has cost so far, in seconds, and how many statements."""

    pool: float = 0.0
    database: float = 0.0
    statements: int = 0


class Session:
    """A connection for one request. Each statement is a transaction of its own."""

    def __init__(self, connection: Connection, spent: Spent) -> None:
        self._connection, self._spent = connection, spent

    async def rows(self, statement: LiteralString, *values: object) -> list[DictRow]:
        """The rows of a statement, by column. Raises psycopg.Error."""
        begun = time.perf_counter()
        self._spent.statements += 1
        try:
            cursor = await self._connection.execute(statement, values)
            return await cursor.fetchall()
        finally:
            self._spent.database += time.perf_counter() - begun


Work = Callable[[Session], Awaitable[Response]]


class Pool:
    """The connections to one database."""

    def __init__(self, place: str, places: Places, patience: Patience) -> None:
        address, _, name = place.partition("/")
        host, _, port = address.rpartition(":")
        self._patience = patience
        self._closed_until = 0.0
        self._queue: set[asyncio.Timeout] = set()
        self._ending: set[asyncio.Task[Response]] = set()
        self._connections: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            kwargs={
                "host": host,
                "port": int(port),
                "dbname": name,
                "user": places.user,
                "passfile": str(places.passfile),
                "connect_timeout": round(patience.connect),
                # the same for all instances: the pooler need not set it again when another one comes
                "application_name": "app",
                "autocommit": True,
                "row_factory": dict_row,
                # PgBouncer before 1.21 gives the next statement to another server connection, which has not
                # seen what was prepared on the last one
                "prepare_threshold": None,
            },
            min_size=patience.size,
            max_size=patience.size,
            num_workers=patience.size,
            name=name,
            timeout=patience.checkout,
            max_lifetime=patience.lifetime,
            # no waiting longer and longer: the next request tries again
            reconnect_timeout=0,
            reconnect_failed=self._refused,
            open=False,
        )

    async def open(self) -> None:
        """Begin to connect, and return."""
        await self._connections.open(wait=False)

    async def close(self) -> None:
        await self._connections.close(CLOSE_SECONDS)

    async def run(self, work: Work, spent: Spent) -> Response:
        """What `work` answers with a connection of this pool.

        Raises Unavailable, and what `work` raises that is not the fault of the database.
        """
        if self._is_paused:
            raise Unavailable("the database did not answer a moment ago")
        # a task of its own, because to cancel a statement takes as long as the other side pleases
        working = asyncio.create_task(self._run(work, spent))
        self._ending.add(working)
        working.add_done_callback(self._ending.discard)
        try:
            done, _ = await asyncio.wait({working}, timeout=self._patience.request)
        finally:
            working.cancel()
        if not done:
            self._pause()
            await self._connections.drain()
            raise Unavailable("the database took too long")
        return await working

    async def _run(self, work: Work, spent: Spent) -> Response:
        begun = time.perf_counter()
        try:
            connection = await self._taken()
        finally:
            spent.pool = time.perf_counter() - begun
        try:
            return await work(Session(connection, spent))
        except (psycopg.OperationalError, ReadOnlySqlTransaction) as error:
            # without a word of the pooler's: it has gone, and the other connections with it
            if connection.closed and error.sqlstate is None:
                await self._connections.drain()
            raise Unavailable(_first_line(error)) from None
        finally:
            await self._connections.putconn(connection)

    async def _taken(self) -> Connection:
        """A connection that the other side has not closed meanwhile."""
        try:
            async with asyncio.timeout(self._patience.checkout) as waiting:
                self._queue.add(waiting)
                try:
                    connection = await self._connections.getconn()
                    while _is_closed(connection):
                        await self._connections.putconn(connection)
                        await self._connections.drain()
                        connection = await self._connections.getconn()
                    return connection
                finally:
                    self._queue.discard(waiting)
        except (TimeoutError, PoolTimeout):
            reason = "the database cannot be reached" if self._is_paused else "no connection was free in time"
            raise Unavailable(reason) from None

    def _refused(self, _: object) -> None:
        """Where no connection is left, ask nobody for a moment, and let go of those who wait already."""
        if self._connections.get_stats()["pool_size"] == 0:
            self._pause()
            now = asyncio.get_running_loop().time()
            for waiting in self._queue:
                waiting.reschedule(now)

    def _pause(self) -> None:
        self._closed_until = time.monotonic() + BREAK_SECONDS

    @property
    def _is_paused(self) -> bool:
        return time.monotonic() < self._closed_until


def _is_closed(connection: Connection) -> bool:
    """Whether the other side has said goodbye, as far as it has arrived here. Costs no message."""
    try:
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return connection.closed


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class Database:
    """The pools of an instance: one for what must be right, one for what may be late. None where there is
    no database."""

    def __init__(self, places: Places, patience: Patience) -> None:
        self.primary = Pool(places.primary, places, patience) if places.primary else None
        self.readers = Pool(places.readers, places, patience) if places.readers else self.primary

    @property
    def _pools(self) -> Sequence[Pool]:
        return [pool for pool in {self.primary, self.readers} if pool is not None]

    async def open(self) -> None:
        for pool in self._pools:
            await pool.open()

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()


# ------------------------------------------------------------------------------------------------ answers

Answer = Callable[[Request, Session], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(pool: Pool | None, answer: Answer) -> Endpoint:
    """A route that answers from a database, tells what that took, and says 503 when there is none to ask."""

    async def answered(request: Request) -> Response:
        begun, spent = time.perf_counter(), Spent()
        try:
            if pool is None:
                raise Unavailable("this instance has no database")
            response = await pool.run(lambda session: answer(request, session), spent)
        except Unavailable as error:
            response = unavailable(error)
        except psycopg.DataError as error:
            response = JSONResponse({"error": _first_line(error)}, 400)
        rest = time.perf_counter() - begun - spent.pool - spent.database
        response.headers["Server-Timing"] = (
            f"pool;dur={spent.pool * 1000:.2f}, "
            f'db;dur={spent.database * 1000:.2f};desc="statements: {spent.statements}", '
            f"app;dur={rest * 1000:.2f}"
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    return answered


def unavailable(reason: Unavailable) -> Response:
    """That there is no database to ask, and when to come again."""
    return JSONResponse({"error": str(reason)}, 503, {"Retry-After": "1"})


def json_answer(content: Any, status: int = 200) -> Response:
    """JSON, with exact numbers and times as text."""
    return Response(json.dumps(content, default=_text), status, media_type="application/json")


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
