"""Transaction numbers that run out, since somebody looks at the database of long ago."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg

from scaling_guide.lab.processes import ordinary_user
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.driver import replicas
from scaling_guide.systems.postgres.mutations.statements import postgres_of, replayed, until
from scaling_guide.systems.postgres.mutations.vacuum import LIMIT, burn
from scaling_guide.systems.postgres.target import PostgresTarget

# a launcher that looks each second as it does each minute
_SOON = f"autovacuum_freeze_max_age = {LIMIT}\nautovacuum_naptime = 1s\n"
_PREPARED = "max_prepared_transactions = 5\n"
PREPARED = "order-4711"

# from the oldest number on there is room for half of all; the last three million are kept from users
_HALF, _KEPT = 2**31 - 1, 3_000_000
# how many numbers' fates a file of pg_xact holds, two bits for each
_IN_A_FILE = 32 * 8192 * 4


def old_behind(held: Callable[[PostgresTarget], AbstractContextManager[None]], lines: str = _SOON) -> Applied:
    """More transaction numbers than may go unfrozen were used, while somebody `held` the view of before.

    `lines` are added to the files of all servers.
    """

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        target = postgres_of(bench)
        servers = (*replicas(bench), target)
        before = {each.id: Path(each.config).read_text() for each in servers}
        # a replica may not have less than its primary
        for each in servers:
            Path(each.config).write_text(before[each.id] + lines)
            await bench.order("restart", each.id)
        await bench.settled()
        try:
            with held(target):
                await burn(target, LIMIT * 11 // 10)
                yield f"{LIMIT * 11 // 10:,} transactions against a freeze limit of {LIMIT:,}"
        finally:
            for each in reversed(servers):
                await replayed(bench, each)
                Path(each.config).write_text(before[each.id])
                await bench.order("restart", each.id)

    return applied


@contextmanager
def session(target: PostgresTarget) -> Iterator[None]:
    """Somebody looked at a table from a console, in a transaction with a number of its own, and went home."""
    with contextlib.closing(postgres.superuser(target, target.database)) as forgotten:
        forgotten.execute(b"set idle_in_transaction_session_timeout = 0")
        forgotten.execute(b"begin isolation level repeatable read")
        forgotten.execute(b"select pg_current_xact_id() from app.customers limit 1")
        yield


@contextmanager
def prepared(target: PostgresTarget) -> Iterator[None]:
    """A transaction over two databases, whose coordinator never came back for the second half."""
    work = "update app.customers set email = email where id = 1"
    postgres.execute(target, f"begin; {work}; prepare transaction '{PREPARED}'")
    try:
        yield
    finally:
        # whoever was called may have ended it
        with contextlib.suppress(psycopg.errors.UndefinedObject):
            postgres.execute(target, f"rollback prepared '{PREPARED}'")


@asynccontextmanager
async def used_up(bench: Bench) -> AsyncIterator[str]:
    """A replica is gone, its slot keeps what its queries needed, and the last number for users is taken.

    There is no way back from that but a lab that is made anew.
    """
    await bench.restore()
    target, replica = postgres_of(bench), replicas(bench)[0]
    slot = f"select 1 from pg_replication_slots where slot_name = '{replica.slot}' and"
    # its feedback names the oldest transaction that a query could see, whether there is a query or not
    await until(bench, target, f"{slot} xmin is not null")
    await bench.order("stop", replica.id)
    await until(bench, target, f"{slot} not active")
    await bench.order("stop")
    last = await asyncio.to_thread(_use_up, target)
    await bench.order("start")
    yield f"the next transaction is {last:,}"


def _use_up(target: PostgresTarget) -> int:
    """Have a server that is down go on with the first number that is refused, and return that."""
    told = _run(target, "pg_controldata")
    oldest = re.search(r"oldestXID: +([0-9]+)", told)
    if oldest is None:
        raise DidNotLand("pg_controldata did not tell the oldest transaction")
    number = int(oldest[1]) + _HALF - _KEPT
    _run(target, "pg_resetwal", "-x", str(number))
    fates = Path(target.data) / "pg_xact" / f"{number // _IN_A_FILE:04X}"
    fates.write_bytes(bytes(_IN_A_FILE // 4))
    identities.own(fates, ordinary_user("postgres"))
    return number


def _run(target: PostgresTarget, program: str, *arguments: str) -> str:
    argv = (f"{target.binaries}/{program}", "-D", target.data, *arguments)
    user = ordinary_user("postgres")
    done = subprocess.run(
        argv, capture_output=True, text=True, env={"LANG": "C.UTF-8"}, cwd="/", user=user, group=user,
        extra_groups=[] if user else None, timeout=postgres.START_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise DidNotLand(f"{program}: {done.stderr.strip()}")
    return done.stdout


MUTATIONS: Mutations = {
    "transactions-old-behind-session": old_behind(session),
    "transactions-old-behind-prepared": old_behind(prepared, _SOON + _PREPARED),
    "transactions-used-up": used_up,
}
