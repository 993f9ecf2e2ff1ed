"""Replicas and slots that do not keep up, or are not what they were."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import documented, edited
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.driver import replicas
from scaling_guide.systems.postgres.mutations.configuration import not_restarted
from scaling_guide.systems.postgres.mutations.sessions import reading
from scaling_guide.systems.postgres.mutations.statements import (
    PROOF,
    execute,
    postgres_of,
    primary_of,
    replayed,
    statements,
    until,
)


@asynccontextmanager
async def replay_paused(bench: Bench) -> AsyncIterator[str]:
    """Replay was paused, for a look at old data, while the primary writes on."""
    await bench.restore()
    async with _paused(bench):
        await _write(bench, 1)
        yield "pg_wal_replay_pause()"


@asynccontextmanager
async def replay_far_behind(bench: Bench) -> AsyncIterator[str]:
    """More was written than a replica may be behind."""
    await bench.restore()
    async with _paused(bench):
        await _write(bench, 80)
        yield "80 MB written with replay paused"


@asynccontextmanager
async def _paused(bench: Bench) -> AsyncIterator[None]:
    target = postgres_of(bench)
    await execute(target, "select pg_wal_replay_pause()")
    await until(bench, target, "select 1 where pg_get_wal_replay_pause_state() = 'paused'")
    try:
        yield
    finally:
        await execute(target, "select pg_wal_replay_resume()")
        await replayed(bench)


async def _write(bench: Bench, megabytes: int) -> None:
    """Have the primary write that much log and flush it, in records that change nothing."""
    message = "pg_logical_emit_message(true, 'proof', repeat('x', 1000000))"
    await execute(primary_of(bench), f"select count({message}) from generate_series(1, {megabytes})")


def receiver_lost(pattern: str, replacement: str) -> Applied:
    """A `primary_conninfo` that leads nowhere: the receiver is gone, and the usual lag query says 0."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        async with edited((pattern, replacement))(bench) as said:
            await until(bench, postgres_of(bench), _NOT_STREAMING)
            await _write(bench, 1)
            yield said
        await bench.restore()
        await replayed(bench)

    return applied


_NOT_STREAMING = """
select 1 where not exists (select from pg_stat_wal_receiver where status = 'streaming')
"""


@asynccontextmanager
async def replica_stopped(bench: Bench) -> AsyncIterator[str]:
    """The replica is gone, its slot is not."""
    await bench.restore()
    target = postgres_of(bench)
    running = replicas(bench)
    for replica in running:
        await bench.order("stop", replica.id)
    try:
        await until(bench, target, "select 1 where not exists (select from pg_stat_replication)")
        yield f"{', '.join(replica.id for replica in running)} stopped"
    finally:
        for replica in running:
            await bench.order("start", replica.id)
        await postgres.followed(target, len(running))


@asynccontextmanager
async def primary_killed(bench: Bench) -> AsyncIterator[str]:
    """The primary is gone from one moment to the next."""
    await bench.restore()
    await bench.order("kill")
    try:
        yield f"{bench.target.id} killed"
    finally:
        # it may have become a replica meanwhile, whom nobody follows
        await bench.order("start")


@asynccontextmanager
async def replica_promoted(bench: Bench) -> AsyncIterator[str]:
    """Somebody promoted the replica: two servers take writes."""
    await bench.restore()
    target, primary = postgres_of(bench), primary_of(bench)
    await execute(target, "select pg_promote()")
    try:
        yield "pg_promote()"
    finally:
        await bench.order("stop")
        await asyncio.to_thread(postgres.rebuild, target, primary)
        await bench.order("start")
        await postgres.followed(primary, 1)


@asynccontextmanager
async def slot_lost(bench: Bench) -> AsyncIterator[str]:
    """A slot that fell further behind than it may: its log is gone, and with it its replica."""
    await bench.restore()
    target = postgres_of(bench)
    small = edited((r"^max_slot_wal_keep_size = .*", "max_slot_wal_keep_size = 1MB"),
                   (r"^wal_keep_size = .*", "wal_keep_size = 0"))  # fmt: skip
    if target.upstream:
        # a replica has no slots, and the same settings for the day it is promoted
        async with small(bench) as said:
            yield said
        return
    try:
        await execute(target, "select pg_create_physical_replication_slot('proof', true)")
        await _write(bench, 40)
        await execute(target, "select pg_switch_wal()")
        # the slots of the replicas are to outlive this one
        await until(bench, target, _SLOTS_FOLLOW)
        async with small(bench):
            await execute(target, "checkpoint")
            await until(bench, target, "select 1 from pg_replication_slots where wal_status = 'lost'")
            await execute(target, "select pg_stat_reset_shared('bgwriter')")
            yield "max_slot_wal_keep_size = 1MB, 40 MB written"
    finally:
        await execute(target, "select pg_drop_replication_slot('proof')")
        await bench.restore()


_SLOTS_FOLLOW = """
select 1 where not exists (
  select from pg_replication_slots
  where slot_name <> 'proof' and pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > 100000)
"""


@asynccontextmanager
async def queries_cancelled(bench: Bench) -> AsyncIterator[str]:
    """The log takes away what queries on the replica are reading, and the replica does not wait for them."""
    await bench.restore()
    replica, primary = postgres_of(bench), primary_of(bench)
    count = int(documented(bench, "postgres-conflicts")) + 1
    await execute(primary, f"create table {PROOF} (id bigint primary key)")
    try:
        await replayed(bench)
        async with edited((r"^max_standby_streaming_delay = .*", "max_standby_streaming_delay = 0"))(bench):
            with ExitStack() as stack:
                for _ in range(count):
                    stack.enter_context(reading(replica, PROOF))
                await execute(primary, f"truncate {PROOF}")
                await until(bench, replica, f"{_CONFLICTS} >= {count}")
        await bench.restore()
        yield f"{count} queries cancelled"
    finally:
        await bench.restore()
        await execute(primary, f"drop table {PROOF}")
        await execute(replica, "select pg_stat_reset()")


_CONFLICTS = "select 1 from pg_stat_database where datname = 'appdb' and conflicts"


@asynccontextmanager
async def replay_held_up(bench: Bench) -> AsyncIterator[str]:
    """A report on the replica reads a table that a change on the primary wants for itself.

    Replay waits for the report, and who comes to read that table waits behind replay.
    """
    await bench.restore()
    target = postgres_of(bench)
    with reading(target, _WANTED):
        await execute(primary_of(bench), f"begin; lock table {_WANTED} in access exclusive mode; commit")
        await until(bench, target, _HELD_UP)
        yield f"a report reads {_WANTED}, and the primary locks it"
    await replayed(bench)


_WANTED = "app.orders"
_HELD_UP = "select 1 from pg_stat_activity where backend_type = 'startup' and wait_event_type = 'Lock'"


MUTATIONS: Mutations = {
    "standby-parameters-lower": not_restarted("max_connections", "50"),
    "replay-paused": replay_paused,
    "replay-far-behind": replay_far_behind,
    "replay-held-up": replay_held_up,
    "receiver-misdirected": receiver_lost(r"^(primary_conninfo = .*) port=[0-9]+", r"\1 port=1"),
    "replica-stopped": replica_stopped,
    "primary-killed": primary_killed,
    "replica-promoted": replica_promoted,
    "slot-orphaned": statements(
        "select pg_create_physical_replication_slot('proof')", "select pg_drop_replication_slot('proof')"
    ),
    "slot-lost": slot_lost,
    "queries-cancelled": queries_cancelled,
    "password-in-conninfo": receiver_lost(
        r"^(primary_conninfo = .*) passfile=", r"\1 password=wrong passfile="
    ),
}
