"""Clients that take connections past the pooler until there are none."""

import asyncio
import contextlib
import select
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from scaling_guide.lab import waiting
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Mutations
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.mutations.statements import postgres_of, until
from scaling_guide.systems.postgres.target import PostgresTarget

ROLE = "worker"
EXHAUST_SECONDS = 60.0
PAUSE_SECONDS = 0.1
CONNECT_SECONDS = 10


class Hoard:
    """Sessions of one role that do nothing. Those that the server ends are opened again."""

    def __init__(self, bench: Bench, target: PostgresTarget) -> None:
        self._target, self._passfile = target, identities.passfile(bench.lab, ROLE)
        self._sessions: dict[int, psycopg.Connection[tuple[str, ...]]] = {}
        self._ended = select.poll()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._grow, daemon=True)

    def __enter__(self) -> "Hoard":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        for session in self._sessions.values():
            session.close()

    def _grow(self) -> None:
        while not self._stop.is_set():
            # nobody sends anything to a session that does nothing, save for its end
            for descriptor, _ in self._ended.poll(0):
                self._ended.unregister(descriptor)
                self._sessions.pop(descriptor).close()
            try:
                session = self._session()
            except psycopg.OperationalError:
                self._stop.wait(PAUSE_SECONDS)
            else:
                self._sessions[session.fileno()] = session
                self._ended.register(session.fileno(), select.POLLIN | select.POLLHUP)

    def _session(self) -> psycopg.Connection[tuple[str, ...]]:
        return psycopg.connect(
            host=self._target.address,
            port=self._target.port,
            user=ROLE,
            dbname=self._target.database,
            passfile=str(self._passfile),
            application_name="nightly-report",
            connect_timeout=CONNECT_SECONDS,
            autocommit=True,
        )


@asynccontextmanager
async def connections_hoarded(bench: Bench) -> AsyncIterator[str]:
    """A job that opens connections past the pooler until there are none, and is back when it is thrown out.

    The pooler replaces its own by and by, and gets none then. Here it is told to, so that nobody waits for
    the end of their lives.
    """
    await bench.restore()
    target = postgres_of(bench)
    with Hoard(bench, target):
        for pooler in bench.environment.of("pgbouncer"):
            assert isinstance(pooler, PgbouncerTarget)
            await _without(bench, target, pooler)
        yield f"every connection taken by {ROLE}"
    await until(bench, target, _FREE)


async def _without(bench: Bench, target: PostgresTarget, pooler: PgbouncerTarget) -> None:
    """Let the pooler open its connections anew until it gets none. Raises DidNotLand."""

    async def missing() -> str | None:
        left = int((await asyncio.to_thread(postgres.ask, target, _LEFT))[0][0])
        free = int((await asyncio.to_thread(postgres.ask, target, _ROOM))[0][0])
        if left and free <= 0:
            with contextlib.suppress(psycopg.Error):
                await asyncio.to_thread(pgbouncer.tell, bench.lab, pooler, "RECONNECT")
        return f"{free} connections were free, the pooler had {left}" if left or free > 0 else None

    try:
        await waiting.until(missing, EXHAUST_SECONDS)
    except TimeoutError as error:
        raise DidNotLand(str(error)) from None


_LEFT = "select count(*)::text from pg_stat_activity where usename = 'app'"
_ROOM = """
select (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  - count(*))::text
from pg_stat_activity where backend_type = 'client backend'
"""
_FREE = f"select 1 where not exists (select from pg_stat_activity where usename = '{ROLE}')"

MUTATIONS: Mutations = {"connections-hoarded": connections_hoarded}
