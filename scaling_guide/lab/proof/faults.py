"""Faults of the environment itself: whoever cannot look must say so, and neither pass nor fail."""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from scaling_guide.lab.driver import Breakage, Broken, driver
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.model.environments import Environment
from scaling_guide.model.kill_matrix import Fault
from scaling_guide.model.target import Target
from scaling_guide.probes.probe import Over, probes_of
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import verify

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# most of them wait until the deadline
AT_ONCE = 12


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, reads, and never answers."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass
    writer.close()


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and closes at once."""
    writer.close()


async def _truncates(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins an answer and closes in the middle of it."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nActive conn")
    writer.close()


async def _babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks another protocol."""
    writer.write(b"\x00\x01SSH-2.0-nonsense\r\n" * 3)
    writer.close()


def answers(status: int, *headers: str, body: str = "{}") -> Handler:
    """Answers whatever is asked in HTTP, but not the question."""
    lines = (f"HTTP/1.1 {status} -", *headers, f"Content-Length: {len(body)}", "Connection: close", "", body)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write("\r\n".join(lines).encode())
            await writer.drain()
        writer.close()

    return handler


LIARS: Mapping[str, Handler] = {
    "accepted and never answered": _silent,
    "closed at once": _hangs_up,
    "reply truncated": _truncates,
    "another protocol": _babbles,
}


async def stand_ins(environment: Environment, checks: Sequence[Check]) -> list[Fault]:
    """Every fault that leaves the lab alone: somebody else, or nobody, in the place of each target."""
    some = asyncio.Semaphore(AT_ONCE)

    async def one(job: Awaitable[Fault]) -> Fault:
        async with some:
            return await job

    jobs = [
        _fault(each, target, environment, checks)
        for target in environment.targets.values()
        for each in breakages(target)
    ]
    return [fault for fault in await asyncio.gather(*map(one, jobs)) if fault.outcomes]


def breakages(target: Target) -> Iterator[Breakage]:
    """Every fault that leaves the real server alone, for one target."""
    probes = probes_of(target.system)
    network, host = (
        frozenset(name for name, probe in probes.items() if way in probe.over)
        for way in (Over.NETWORK, Over.HOST)
    )
    yield Breakage("port closed", _elsewhere, network)
    for name, handler in LIARS.items():
        yield Breakage(name, liar(handler), network)
    yield Breakage("no such host", replaced(host="docker://no-such-container"), host)
    yield Breakage("ssh refused", replaced(host="ssh://127.0.0.1:1"), host)
    yield from driver(target.system).breakages(target)


async def killed(bench: Bench) -> Fault:
    """The real server killed: nothing may be known of it, not even by the files that it left."""
    begun = time.monotonic()
    async with bench.undisturbed():
        await bench.order("kill")
        try:
            results = await bench.verify()
        finally:
            await bench.order("start")
            await bench.settled()
    # what is asked of nothing at all, such as a person's word, outlives the server
    asked = probes_of(bench.target.system)
    hit = [check.fact for check in bench.checks if asked[check.fact.probe].over]
    outcomes = dict(Counter(str(results[fact.id].outcome) for fact in hit))
    probes = tuple(sorted({str(fact.probe) for fact in hit}))
    return Fault("server killed", bench.target.id, probes, outcomes, round(time.monotonic() - begun, 3))


async def _fault(
    breakage: Breakage, target: Target, environment: Environment, checks: Sequence[Check]
) -> Fault:
    begun = time.monotonic()
    async with breakage.broken(target) as instead:
        hit = [
            replace(check, target=instead)
            for check in checks
            if check.target.id == target.id and check.fact.probe in breakage.probes
        ]
        elsewhere = environment.model_copy(update={"targets": {**environment.targets, target.id: instead}})
        run = await asyncio.to_thread(verify, elsewhere, hit)
    outcomes = dict(Counter(str(row.outcome) for row in run.results))
    used = tuple(sorted({str(check.fact.probe) for check in hit}))
    return Fault(breakage.name, target.id, used, outcomes, round(time.monotonic() - begun, 3))


def _copy(target: Target, **update: Any) -> Target:
    copied = target.model_copy(update=update)
    copied._id = target.id
    return copied


def replaced(**update: Any) -> Broken:
    @asynccontextmanager
    async def broken(target: Target) -> AsyncIterator[Target]:
        yield _copy(target, **update)

    return broken


@asynccontextmanager
async def _elsewhere(target: Target) -> AsyncIterator[Target]:
    """A port that is taken, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind((target.address, 0))
        port = taken.getsockname()[1]
        yield _copy(target, **dict.fromkeys(_ports(target), port))


def _ports(target: Target) -> list[str]:
    """The fields of a target that name a port of it."""
    return [name for name in ("https", "http", "status", "port") if getattr(target, name, None)]


def liar(handler: Handler) -> Broken:
    """A server of ours in the target's place, on all of its ports.

    They are free ones: with the line of its address left out a server of the lab takes its port everywhere.
    """

    @asynccontextmanager
    async def broken(target: Target) -> AsyncIterator[Target]:
        async with contextlib.AsyncExitStack() as stack:
            ports = {}
            for name in _ports(target):
                server = await asyncio.start_server(handler, target.address, 0)
                await stack.enter_async_context(server)
                ports[name] = server.sockets[0].getsockname()[1]
            yield _copy(target, **ports)

    return broken
