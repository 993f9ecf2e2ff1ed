"""Run the proof against a running lab: in lanes that do not see each other, at the same time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from itertools import chain

import psycopg
from redis import RedisError

from scaling_guide.lab import waiting
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.faults import run_faults
from scaling_guide.lab.proof.matrix import Deletion, Kill, Proof, judged
from scaling_guide.lab.proof.mutants import Mutant, deletion_mutants, named_mutants, value_mutants
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.lab.servers.redis import CACHE
from scaling_guide.model.environments import Environment, Target
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import System
from scaling_guide.verify.check import Check
from scaling_guide.verify.outcome import ExitCode, Outcome
from scaling_guide.verify.run import now, verify
from scaling_guide.verify.selection import Selection, select

Progress = Callable[[str], None]

# targets of one lane see what is broken in each other, and are broken one after the other; through a load
# balancer one sees the application, and what it has from the databases
_PHASES = (
    (
        *((System.SUPABASE,), (System.MEMCACHED,), (System.LINUX,)),
        *((System.POSTGRES, System.PGBOUNCER), (System.REDIS, System.SENTINEL)),
    ),
    ((System.NGINX,), (System.HAPROXY,)),
)
_SETTLE_SECONDS = 15.0
_FAILURES = (DidNotLand, ReloadRefused, LabError, OSError, TimeoutError, RedisError, psycopg.Error)


async def prove(guide: Guide, environment: Environment, lab: Lab, progress: Progress) -> Proof:
    """Break everything that is documented, and mend it again. The lab must be up and green.

    Raises DidNotLand where the lab is not healthy to begin with.
    """
    begun, started = time.monotonic(), now()
    checks = select(guide, environment, Selection())
    _demand_health(environment, checks)
    phases = [
        [[Bench(guide, environment, target, lab) for target in lane] for lane in _lanes(environment, systems)]
        for systems in _PHASES
    ]
    apps = [Bench(guide, environment, target, lab) for target in environment.apps]
    every = (*chain.from_iterable(chain.from_iterable(phases)), *apps)
    kills: list[Kill] = []
    deletions: list[Deletion] = []
    try:
        for lanes in phases:
            await _settled(environment, list(chain.from_iterable(lanes)))
            for killed, deleted in await asyncio.gather(*(_lane(benches, progress) for benches in lanes)):
                kills += killed
                deletions += deleted
        await _settled(environment, apps)
        for bench in apps:
            # one after the other: the load balancers need the rest
            kills += [kill async for kill in _kills(bench, progress)]
    finally:
        for bench in every:
            await bench.restore()
    faults = await run_faults(environment, checks, every, progress)
    healthy = verify(environment, checks).exit_code == ExitCode.VERIFIED
    names = tuple(check.name for check in checks)
    seconds = time.monotonic() - begun
    return Proof(names, tuple(kills), tuple(deletions), tuple(faults), started, now(), seconds, healthy)


def _demand_health(environment: Environment, checks: Sequence[Check]) -> None:
    run = verify(environment, checks)
    if run.exit_code != ExitCode.VERIFIED:
        bad = [
            f"{row.id}@{row.target} {row.outcome}" for row in run.results if row.outcome is not Outcome.PASS
        ]
        raise DidNotLand(f"the lab is not green to begin with: {', '.join(bad[:5])}")


async def _settled(environment: Environment, benches: Sequence[Bench]) -> None:
    """Return when these are green, or have had the time to be."""
    checks = [check for bench in benches for check in bench.checks]

    async def lack() -> str | None:
        run = await asyncio.to_thread(verify, environment, checks)
        return None if run.exit_code == ExitCode.VERIFIED else "not green"

    with contextlib.suppress(TimeoutError):
        await waiting.until(lack, _SETTLE_SECONDS)


def _lanes(environment: Environment, phase: Sequence[Sequence[System]]) -> list[list[Target]]:
    lanes = [[target for system in systems for target in environment.of(system)] for systems in phase]
    # a cache stands alone, whatever else its system is used for
    caches = [target for lane in lanes for target in lane if target.role == CACHE]
    shared = [[target for target in lane if target not in caches] for lane in lanes]
    return [*([target] for target in caches), *shared]


async def _lane(benches: Sequence[Bench], progress: Progress) -> tuple[list[Kill], list[Deletion]]:
    kills: list[Kill] = []
    deletions: list[Deletion] = []
    for bench in benches:
        kills += [kill async for kill in _kills(bench, progress)]
        deletions += [deletion async for deletion in _deletions(bench, progress)]
        await bench.restore()
    return kills, deletions


async def _kills(bench: Bench, progress: Progress) -> AsyncIterator[Kill]:
    """Every mutant of the target, each with the proof that it was gone when the next one was there."""
    waiting: list[Kill] = []
    for mutant in (*value_mutants(bench), *named_mutants(bench)):
        kill, red = await _kill(bench, mutant)
        for earlier in [*waiting]:
            # gone when none of its checks is red that this mutant does not redden itself
            if not earlier.expected & mutant.reddens:
                waiting.remove(earlier)
                yield replace(earlier, restored=not earlier.expected & red)
        waiting.append(kill)
        progress(_line(kill))
    await bench.restore()
    final = judged(Kill("", bench.target.id, frozenset(), True), (await bench.verify()).values())
    for kill in waiting:
        yield replace(kill, restored=not kill.expected & final.red)


async def _kill(bench: Bench, mutant: Mutant) -> tuple[Kill, frozenset[str]]:
    begun = time.monotonic()
    kill = Kill(mutant.id, mutant.target, mutant.reddens, landed=False)
    try:
        async with mutant.applied(bench) as change:
            kill = judged(replace(kill, landed=True, change=change), (await bench.verify()).values())
    except _FAILURES as error:
        kill = replace(kill, landed=False, reason=f"{type(error).__name__}: {error}")
    return replace(kill, seconds=time.monotonic() - begun), kill.red


async def _deletions(bench: Bench, progress: Progress) -> AsyncIterator[Deletion]:
    for mutant in deletion_mutants(bench):
        place, _, text = mutant.id.partition(" ")
        file, _, line = place.rpartition(":")
        refused, noticed = False, frozenset[str]()
        try:
            async with mutant.applied(bench):
                kill = judged(Kill("", bench.target.id, frozenset(), True), (await bench.verify()).values())
                noticed = kill.red | kill.upset
        except _FAILURES:
            refused = True
        deletion = Deletion(
            bench.target.id, bench.target.system, file, int(line), text, refused, tuple(sorted(noticed))
        )
        if deletion.unnoticed:
            progress(f"{bench.target.id}: nobody notices when `{text}` is gone")
        yield deletion


def _line(kill: Kill) -> str:
    state = "killed" if kill.only else "NOT LANDED" if not kill.landed else "NOT EXACTLY"
    detail = kill.reason or ", ".join(sorted(kill.red | kill.upset)) or "nothing went red"
    return f"{kill.target}: {kill.id}: {state} ({detail if not kill.only else f'{kill.seconds:.2f} s'})"
