"""The servers of one lab: started, watched and stopped."""

import asyncio
import contextlib
import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from scaling_guide.lab import ports, processes, waiting
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.processes import Watchdog
from scaling_guide.lab.server import ReloadRefused, Server

LOG_LINES = 12
HALT_SECONDS = 2.0
STATE_SCHEMA = 1

# nothing of the caller's environment, which may hold secrets, is seen by a server
ENVIRONMENT = {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin", "LANG": "C.UTF-8"}

Notify = Callable[[Mapping[str, Any]], None]


@dataclass
class Entry:
    """A server and what has become of it.

    States: waiting, starting, ready, stopping, stopped, and crashed for an end that nobody asked for.
    """

    server: Server
    state: str = "waiting"
    detail: str = ""
    pid: int | None = None
    created: float | None = None
    seconds: float | None = None
    prepared: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def record(self) -> dict[str, Any]:
        """This entry as state.json and the control socket show it."""
        return {
            "state": self.state,
            "detail": self.detail,
            "pid": self.pid,
            "created": self.created,
            "seconds": self.seconds,
            "binds": [str(bind) for bind in self.server.binds],
        }


class Owner:
    """Starts, watches and stops the servers of one lab. All methods run on one event loop.

    Orders to one server are carried out one after the other, those to several side by side.
    """

    def __init__(self, where: Lab, tier: str, servers: Iterable[Server], watchdog: Watchdog, notify: Notify):
        self.lab, self.tier = where, tier
        self.entries = {server.name: Entry(server) for server in servers}
        self.phase = "starting"
        self._watchdog, self._notify = watchdog, notify
        self._started = time.time()
        self._tasks: set[asyncio.Task[None]] = set()

    # -------------------------------------------------------------------------------------- operations

    async def start_all(self) -> None:
        """Start every server that is not ready, side by side as far as `needs` allows. Raises LabError."""
        async with contextlib.AsyncExitStack() as stack:
            for entry in self.entries.values():
                await stack.enter_async_context(entry.one_at_a_time)
            idle = {name: entry for name, entry in self.entries.items() if entry.state != "ready"}
            needs = {
                name: [need for need in entry.server.needs if need in idle] for name, entry in idle.items()
            }
            self.save()
            for entry in idle.values():
                self._refuse_taken(entry.server)
            await _along(needs, lambda name: self._start(self.entries[name]))
            self.phase = "up"
            self.save()

    async def halt_all(self) -> None:
        """Stop every server at once and in good order, what stands in front before what it needs."""
        self.phase = "stopping"
        dependents: dict[str, list[str]] = {name: [] for name in self.entries}
        for name, entry in self.entries.items():
            for need in entry.server.needs:
                dependents[need].append(name)
        await _along(dependents, lambda name: self._end(self.entries[name], ((None, HALT_SECONDS),)))

    async def start(self, name: str, seconds: float | None = None) -> None:
        """Start a server that does not run, and wait until it is ready.

        Raises LabError, also when that takes longer than `seconds`, or than the server's own patience.
        """
        entry = self._entry(name)
        async with entry.one_at_a_time:
            if entry.state == "ready":
                return
            self._refuse_taken(entry.server)
            await self._start(entry, seconds)

    async def stop(self, name: str) -> None:
        """Let a server finish its work and end; force it when it takes longer than it may."""
        entry = self._entry(name)
        async with entry.one_at_a_time:
            server = entry.server
            await self._end(entry, ((server.stop_signal, server.stop_seconds), (None, HALT_SECONDS)))

    async def kill(self, name: str) -> None:
        """SIGKILL a server, as an accident would."""
        entry = self._entry(name)
        async with entry.one_at_a_time:
            await self._end(entry, ())

    async def restart(self, name: str, seconds: float | None = None) -> None:
        """Stop and start."""
        await self.stop(name)
        await self.start(name, seconds)

    async def reload(self, name: str) -> None:
        """Have a server read its configuration again, and return once that serves. Raises LabError."""
        entry = self._entry(name)
        async with entry.one_at_a_time:
            if entry.server.reload is None:
                raise LabError(f"{name} has no reload: restart it", name)
            if entry.state != "ready" or entry.pid is None:
                raise LabError(f"{name} is {entry.state}, so it cannot reload", name)
            try:
                await entry.server.reload(entry.pid)
            except (ReloadRefused, TimeoutError) as error:
                raise LabError(f"{name} did not reload: {error}", name, tail(self.lab.log(name))) from error

    def status(self) -> dict[str, Any]:
        """The lab as state.json and the control socket show it."""
        return {
            "schema": STATE_SCHEMA,
            "lab": self.lab.number,
            "phase": self.phase,
            "tier": self.tier,
            "root": str(self.lab.root),
            "started": self._started,
            "supervisor": {"pid": os.getpid(), "created": processes.created(os.getpid())},
            "servers": {name: entry.record() for name, entry in self.entries.items()},
        }

    def save(self) -> None:
        """Write state.json. Raises OSError."""
        draft = self.lab.state.with_suffix(".new")
        draft.write_text(json.dumps(self.status(), indent=1))
        draft.replace(self.lab.state)

    # ---------------------------------------------------------------------------------------- one server

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise LabError(f"there is no server `{name}`; there are {', '.join(self.entries)}")
        return self.entries[name]

    def _refuse_taken(self, server: Server) -> None:
        for bind in server.binds:
            if reason := ports.taken(bind):
                raise LabError(f"{server.name} cannot start: {reason}", server.name)

    async def _start(self, entry: Entry, seconds: float | None = None) -> None:
        server, begun = entry.server, time.monotonic()
        self._change(entry, "starting")
        directory = self.lab.directory(server.name)
        directory.mkdir(mode=0o711, exist_ok=True)
        if not entry.prepared:
            await asyncio.to_thread(server.prepare)
            entry.prepared = True
        with self.lab.log(server.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *processes.orphan_safe(server.argv, server.halt_signal, server.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={**ENVIRONMENT, **server.env},
                process_group=0,
            )
        self._watchdog.add(process.pid)
        entry.pid, entry.created = process.pid, processes.created(process.pid)
        entry.ended = asyncio.Event()
        watching = asyncio.create_task(self._watch(entry, process))
        self._tasks.add(watching)
        watching.add_done_callback(self._tasks.discard)
        await self._until_ready(entry, process.pid, seconds or server.start_seconds)
        entry.seconds = round(time.monotonic() - begun, 3)
        self._change(entry, "ready")

    async def _until_ready(self, entry: Entry, pid: int, seconds: float) -> None:
        """Return once the server is ready and proven ours. Raises LabError when it ends or takes too long."""
        server = entry.server

        async def missing() -> str | None:
            if entry.ended.is_set():
                raise LabError(f"{server.name} {entry.detail} before it was ready", server.name)
            listened = ports.listened(processes.members(pid))
            unheld = set(server.binds) - listened
            if listened and unheld == set(server.binds):
                # a server that has opened others will not open its own any more
                where = f"{_together(listened)} and not on {_together(unheld)}"
                raise LabError(f"{server.name} listens on {where}", server.name)
            if unheld:
                return f"it did not listen on {_together(unheld)}"
            return await server.ready(pid)

        try:
            await waiting.until(missing, seconds)
        except TimeoutError as error:
            raise LabError(f"{server.name} is not ready: {error}", server.name) from error
        for bind in server.binds:
            if others := ports.strangers(bind, pid):
                raise LabError(f"{server.name} shares {bind} with {others}", server.name)

    async def _end(self, entry: Entry, stages: Sequence[tuple[Signals | None, float]]) -> None:
        """Signal a running server stage by stage (None: its halt signal), then kill its whole group."""
        if entry.pid is None or entry.ended.is_set():
            return
        pid = entry.pid
        self._change(entry, "stopping")
        for signal, seconds in stages:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal or entry.server.halt_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await entry.ended.wait()
                break
        else:
            processes.kill_group(pid)
            await entry.ended.wait()
        self._change(entry, "stopped", entry.detail)

    async def _watch(self, entry: Entry, process: asyncio.subprocess.Process) -> None:
        """Note the end of a server and take down what it left: workers may outlive a killed master."""
        code = await process.wait()
        processes.kill_group(process.pid)
        with contextlib.suppress(TimeoutError):
            await waiting.until(lambda: _living(process.pid), HALT_SECONDS)
        self._watchdog.remove(process.pid)
        entry.pid = entry.created = None
        entry.detail = f"was ended by {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        entry.ended.set()
        if entry.state != "stopping":
            self._change(entry, "crashed", entry.detail)

    def _change(self, entry: Entry, state: str, detail: str = "") -> None:
        entry.state, entry.detail = state, detail
        # what is being taken down may be so because the disk is full
        with contextlib.suppress(OSError):
            self.save()
        self._notify(
            {"server": entry.server.name, "state": state, "detail": detail, "seconds": entry.seconds}
        )


def tail(log: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """The last lines of a log; nothing where there is none."""
    try:
        return tuple(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ()


def failure(where: Lab, error: Exception) -> dict[str, Any]:
    """An error as `lifecycle.up` and the clients of the control socket read it."""
    if isinstance(error, LabError):
        log = error.log or (tail(where.log(error.server)) if error.server else ())
        return {"reason": error.reason, "server": error.server, "log": log}
    if isinstance(error, OSError) and error.strerror:
        return {"reason": f"{error.filename or where.root}: {error.strerror}", "server": None, "log": ()}
    return {"reason": str(error) or repr(error), "server": None, "log": ()}


def _together(binds: Iterable[ports.Bind]) -> str:
    return ", ".join(map(str, sorted(binds)))


async def _living(pgid: int) -> str | None:
    return f"processes of group {pgid} are left" if processes.members(pgid) else None


async def _along(edges: Mapping[str, Sequence[str]], act: Callable[[str], Awaitable[None]]) -> None:
    """Act on every name, each after those it points to, all others side by side. The first error ends it."""
    done = {name: asyncio.Event() for name in edges}

    async def one(name: str) -> None:
        for other in edges[name]:
            await done[other].wait()
        await act(name)
        done[name].set()

    try:
        async with asyncio.TaskGroup() as group:
            for name in edges:
                group.create_task(one(name))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
