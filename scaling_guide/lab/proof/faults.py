"""Faults of the environment itself: whoever cannot look must say so, and neither pass nor fail."""

import asyncio
import contextlib
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.matrix import Fault
from scaling_guide.model.environments import (
    Environment,
    HaproxyTarget,
    LinuxTarget,
    RedisTarget,
    SentinelTarget,
    SupabaseTarget,
    Target,
)
from scaling_guide.model.record import Probe
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import verify

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# most of them wait until the deadline
AT_ONCE = 12

_API = frozenset({Probe.SUPABASE, Probe.SUPABASE_ADVISORS})
_SQL = frozenset(
    {
        *(Probe.POSTGRES_SETTINGS, Probe.POSTGRES_FILES, Probe.POSTGRES_CONNECTIONS),
        *(Probe.POSTGRES_REPLICATION, Probe.POSTGRES_HEALTH, Probe.PGBOUNCER_CONSOLE),
    }
)
_CACHES = frozenset({Probe.REDIS, Probe.REDIS_CONFIG, Probe.SENTINEL, Probe.MEMCACHED})
_SPEED = frozenset({Probe.FRONTEND, Probe.API, Probe.LATENCY})
_NETWORK = frozenset({Probe.HTTP, Probe.TLS, Probe.APP, Probe.NGINX_STATUS, *_API, *_SQL, *_CACHES, *_SPEED})
_FILES = frozenset(
    {
        *(Probe.NGINX_CONFIG, Probe.NGINX_PROCESS, Probe.HAPROXY_CONFIG, Probe.HOST),
        *(Probe.POSTGRES_FILES, Probe.PGBOUNCER_CONSOLE, Probe.PGBOUNCER_PROCESS),
        *(Probe.REDIS_CONFIG, Probe.MEMCACHED, Probe.LINUX, Probe.SOCKETS),
    }
)
_SOCKETS = frozenset({Probe.HAPROXY_RUNTIME, Probe.HAPROXY_CONFIG})


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


def _answers(status: int, *headers: str, body: str = "{}") -> Handler:
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
# how the control plane of a vendor answers when it does not answer
REFUSALS: Mapping[str, Handler] = {
    "token refused (401)": _answers(401),
    "scope missing (403)": _answers(403),
    "rate limit for a minute (429)": _answers(429, "Retry-After: 60"),
    "server error (500)": _answers(500),
    "login page (200)": _answers(200, "Content-Type: text/html", body="<html>Please log in</html>"),
    "answer without a field (200)": _answers(200, "Content-Type: application/json"),
}


async def stand_ins(environment: Environment, checks: Sequence[Check]) -> list[Fault]:
    """Every fault that leaves the lab alone: somebody else, or nobody, in the place of each target."""
    some = asyncio.Semaphore(AT_ONCE)

    async def one(job: Awaitable[Fault]) -> Fault:
        async with some:
            return await job

    jobs = [
        _fault(name, target, broken, probes, environment, checks)
        for target in environment.targets.values()
        for name, broken, probes in _faults_of(target)
    ]
    return [fault for fault in await asyncio.gather(*map(one, jobs)) if fault.outcomes]


Broken = Callable[[Target], AbstractAsyncContextManager[Target]]


def _faults_of(target: Target) -> list[tuple[str, Broken, frozenset[Probe]]]:
    """Name, how to break, and the probes that are hit, of each fault of a target."""
    faults: list[tuple[str, Broken, frozenset[Probe]]] = [
        ("port closed", _elsewhere, _NETWORK),
        *((name, _liar(handler), _NETWORK) for name, handler in LIARS.items()),
        ("no such host", _replaced(host="docker://no-such-container"), _FILES),
        ("ssh refused", _replaced(host="ssh://127.0.0.1:1"), _FILES),
    ]
    if isinstance(target, RedisTarget | SentinelTarget):
        faults += [("password file gone", _replaced(password_file="/nonexistent"), _CACHES)]
    if isinstance(target, LinuxTarget):
        faults += [("no kernel there", _replaced(proc="/nonexistent"), frozenset({Probe.LINUX}))]
    if isinstance(target, SupabaseTarget):
        faults += [("token gone", _replaced(token_file="/nonexistent.token"), _API)]
        faults += [(name, _liar(handler), _API) for name, handler in REFUSALS.items()]
    if isinstance(target, HaproxyTarget):
        faults += [
            (
                "socket gone",
                _replaced(operator_socket="/nonexistent.sock", master_socket="/nonexistent.sock"),
                _SOCKETS,
            ),
            *((f"socket {name}", _socket_liar(handler), _SOCKETS) for name, handler in LIARS.items()),
        ]
    return faults


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
    # what a person attests is not asked of the server, and outlives it
    hit = [check.fact for check in bench.checks if check.fact.probe is not Probe.ATTESTED]
    outcomes = dict(Counter(str(results[fact.id].outcome) for fact in hit))
    probes = tuple(sorted({str(fact.probe) for fact in hit}))
    return Fault("server killed", bench.target.id, probes, outcomes, round(time.monotonic() - begun, 3))


async def _fault(
    name: str,
    target: Target,
    broken: Broken,
    probes: frozenset[Probe],
    environment: Environment,
    checks: Sequence[Check],
) -> Fault:
    begun = time.monotonic()
    async with broken(target) as instead:
        hit = [
            replace(check, target=instead)
            for check in checks
            if check.target.id == target.id and check.fact.probe in probes
        ]
        elsewhere = environment.model_copy(update={"targets": {**environment.targets, target.id: instead}})
        run = await asyncio.to_thread(verify, elsewhere, hit)
    outcomes = dict(Counter(str(row.outcome) for row in run.results))
    used = tuple(sorted({str(check.fact.probe) for check in hit}))
    return Fault(name, target.id, used, outcomes, round(time.monotonic() - begun, 3))


def _copy(target: Target, **update: Any) -> Target:
    copied = target.model_copy(update=update)
    copied._id = target.id
    return copied


def _replaced(**update: Any) -> Broken:
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


def _liar(handler: Handler) -> Broken:
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


def _socket_liar(handler: Handler) -> Broken:
    @asynccontextmanager
    async def broken(target: Target) -> AsyncIterator[Target]:
        with tempfile.TemporaryDirectory(prefix="sg-") as directory:
            path = str(Path(directory) / "s")
            async with await asyncio.start_unix_server(handler, path):
                yield _copy(target, operator_socket=path, master_socket=path)

    return broken
