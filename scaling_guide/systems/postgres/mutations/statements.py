"""SQL by the superuser on a bench's servers, and waiting for what it brings about."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from scaling_guide.lab import waiting
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.target import PostgresTarget

LAND_SECONDS = 10.0
PROOF = "app.proof"


def postgres_of(bench: Bench) -> PostgresTarget:
    assert isinstance(bench.target, PostgresTarget)
    return bench.target


def primary_of(bench: Bench) -> PostgresTarget:
    target = postgres_of(bench)
    primary = bench.environment.targets[target.upstream] if target.upstream else target
    assert isinstance(primary, PostgresTarget)
    return primary


async def execute(target: PostgresTarget, *statements: str) -> None:
    """Statements by the superuser, each on its own. Raises DidNotLand with what the server says."""
    try:
        for statement in statements:
            await asyncio.to_thread(postgres.execute, target, statement)
    except psycopg.Error as error:
        raise DidNotLand(str(error).strip()) from None


async def until(bench: Bench, target: PostgresTarget, query: str) -> None:
    """Wait until a query by the superuser has a row. Raises DidNotLand."""

    async def missing() -> str | None:
        with contextlib.suppress(psycopg.Error):
            if await asyncio.to_thread(postgres.ask, target, query):
                return None
        return f"there was no row of: {query}"

    try:
        await waiting.until(missing, LAND_SECONDS)
    except TimeoutError as error:
        raise DidNotLand(f"{bench.target.id}: {error}") from None


async def replayed(bench: Bench, replica: PostgresTarget | None = None) -> None:
    """Wait until a replica, the bench's target or another, has carried out what its primary has written."""
    target, primary = replica or postgres_of(bench), primary_of(bench)
    if target is not primary:
        lsn = (await asyncio.to_thread(postgres.ask, primary, "select pg_current_wal_lsn()::text"))[0][0]
        await until(bench, target, f"select 1 where pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn")


def statements(do: str, undo: str) -> Applied:
    """SQL by the superuser on the primary, and its inverse."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        primary = primary_of(bench)
        try:
            await execute(primary, *_split(do))
            await replayed(bench)
            yield do
        finally:
            await execute(primary, *_split(undo))
            await replayed(bench)

    return applied


def _split(sql: str) -> list[str]:
    return [part.strip() for part in sql.split(";;") if part.strip()]
