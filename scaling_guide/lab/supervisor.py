"""The one program that owns the servers of a lab, from the first start to the last stop.

`python -m scaling_guide.lab.supervisor --lab N` runs a lab in the foreground until Ctrl-C; `lifecycle.up`
runs the same in the background, hands it the lock and reads its progress from a pipe.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals
from typing import Any

from scaling_guide.lab import lock, ports, processes, waiting, watchdog
from scaling_guide.lab.layout import Lab, LabError, lab
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


class Watchdog:
    """The process that ends the servers when this one dies. See `watchdog`."""

    def __init__(self, where: Lab, lock_fd: int) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", watchdog.__file__),
            stdin=subprocess.PIPE,
            cwd=where.root,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()

    def add(self, pgid: int) -> None:
        self._tell(f"+{pgid}\n")

    def remove(self, pgid: int) -> None:
        self._tell(f"-{pgid}\n")

    def close(self) -> None:
        """Let it end what still runs, and wait for that."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        # without a watchdog the servers still have their parent-death signal
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())


class Supervisor:
    """Starts, watches and stops the servers of one lab. All methods run on one event loop."""

    def __init__(self, where: Lab, tier: str, servers: Iterable[Server], watchdog: Watchdog, notify: Notify):
        self.lab, self.tier = where, tier
        self.entries = {server.name: Entry(server) for server in servers}
        self.phase = "starting"
        self._watchdog, self._notify = watchdog, notify
        self._started = time.time()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    # -------------------------------------------------------------------------------------- operations

    async def start_all(self) -> None:
        """Start every server that is not ready, side by side as far as `needs` allows. Raises LabError."""
        async with self._one_at_a_time:
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

    async def start(self, name: str) -> None:
        """Start a server that does not run, and wait until it is ready. Raises LabError."""
        async with self._one_at_a_time:
            entry = self._entry(name)
            if entry.state == "ready":
                return
            self._refuse_taken(entry.server)
            await self._start(entry)

    async def stop(self, name: str) -> None:
        """Let a server finish its work and end; force it when it takes longer than it may."""
        async with self._one_at_a_time:
            entry = self._entry(name)
            server = entry.server
            await self._end(entry, ((server.stop_signal, server.stop_seconds), (None, HALT_SECONDS)))

    async def kill(self, name: str) -> None:
        """SIGKILL a server, as an accident would."""
        async with self._one_at_a_time:
            await self._end(self._entry(name), ())

    async def restart(self, name: str) -> None:
        """Stop and start."""
        await self.stop(name)
        await self.start(name)

    async def reload(self, name: str) -> None:
        """Have a server read its configuration again, and return once that serves. Raises LabError."""
        async with self._one_at_a_time:
            entry = self._entry(name)
            if entry.server.reload is None:
                raise LabError(f"{name} has no reload: restart it", name)
            if entry.state != "ready" or entry.pid is None:
                raise LabError(f"{name} is {entry.state}, so it cannot reload", name)
            try:
                await entry.server.reload(entry.pid)
            except (ReloadRefused, TimeoutError) as error:
                raise LabError(f"{name} did not reload: {error}", name, self._tail(name)) from error

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

    async def _start(self, entry: Entry) -> None:
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
        await self._until_ready(entry, process.pid)
        entry.seconds = round(time.monotonic() - begun, 3)
        self._change(entry, "ready")

    async def _until_ready(self, entry: Entry, pid: int) -> None:
        """Return once the server is ready and proven ours. Raises LabError when it ends or takes too long."""
        server = entry.server

        async def missing() -> str | None:
            if entry.ended.is_set():
                raise LabError(f"{server.name} {entry.detail} before it was ready", server.name)
            unheld = set(server.binds) - ports.listened(processes.members(pid))
            if unheld:
                return f"it did not listen on {', '.join(map(str, sorted(unheld)))}"
            return await server.ready(pid)

        try:
            await waiting.until(missing, server.start_seconds)
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
        """Note the end of a server, and take down what it left: a killed Nginx leaves workers that listen."""
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

    def _tail(self, name: str) -> tuple[str, ...]:
        return tail(self.lab.log(name))


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


def tail(log: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """The last lines of a log; nothing where there is none."""
    try:
        return tuple(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ()


# ------------------------------------------------------------------------------------------ control socket


@contextlib.asynccontextmanager
async def control(supervisor: Supervisor, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answer requests on the control socket: one line in (`reload nginx`), one line of JSON out."""

    answering: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        task.add_done_callback(answering.discard)
        try:
            request = (await reader.readline()).decode()
            writer.write(json.dumps(await _answer(supervisor, stop, request.split())).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    supervisor.lab.control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, supervisor.lab.control)
    supervisor.lab.control.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        supervisor.lab.control.unlink(missing_ok=True)
        # a start that is under way must not outlive the order to stop
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


async def _answer(supervisor: Supervisor, stop: asyncio.Event, words: Sequence[str]) -> dict[str, Any]:
    operations = {
        "start": supervisor.start,
        "stop": supervisor.stop,
        "kill": supervisor.kill,
        "restart": supervisor.restart,
        "reload": supervisor.reload,
    }
    try:
        match words:
            case ["status"]:
                pass
            case ["up"]:
                await supervisor.start_all()
            case ["down"]:
                stop.set()
            case [operation, name] if operation in operations:
                await operations[operation](name)
            case _:
                usage = f"status, up, down, or one of {', '.join(operations)} and the name of a server"
                raise LabError(f"`{' '.join(words)}` is no request: use {usage}")
    except (LabError, OSError) as error:
        return {"ok": False, **failure(supervisor.lab, error)}
    return {"ok": True, **supervisor.status()}


def failure(where: Lab, error: Exception) -> dict[str, Any]:
    """An error as `up` and the clients of the control socket read it."""
    if isinstance(error, LabError):
        log = error.log or (tail(where.log(error.server)) if error.server else ())
        return {"reason": error.reason, "server": error.server, "log": log}
    if isinstance(error, OSError) and error.strerror:
        return {"reason": f"{error.filename or where.root}: {error.strerror}", "server": None, "log": ()}
    return {"reason": str(error) or repr(error), "server": None, "log": ()}


# ------------------------------------------------------------------------------------------------ program


async def supervise(where: Lab, tier: str, fleet: str, lock_fd: int, report_fd: int | None) -> int:
    """Run the lab until it is asked to stop. Returns 0 after a stop, 1 after a failure to start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (SIGINT, SIGTERM, SIGHUP):
        loop.add_signal_handler(number, stop.set)
    notify, hang_up = await _reporter(report_fd, stop)
    guard = Watchdog(where, lock_fd)
    try:
        end_leftovers(where)
        _empty(where)
        supervisor = Supervisor(where, tier, _servers(fleet, where, tier), guard, notify)
        try:
            async with control(supervisor, stop):
                await _unless(stop, supervisor.start_all())
                if not stop.is_set():
                    notify({"phase": "up"})
                    hang_up()
                await stop.wait()
        finally:
            await supervisor.halt_all()
        return 0
    except Exception as error:
        notify({"phase": "failed", **failure(where, error)})
        # the log may be on the full disk that is the reason
        with contextlib.suppress(OSError):
            traceback.print_exc()
        return 1
    finally:
        guard.close()
        where.state.unlink(missing_ok=True)
        hang_up()


async def _unless(stop: asyncio.Event, work: Any) -> None:
    """Do the work, but give it up when asked to stop."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def _reporter(report_fd: int | None, stop: asyncio.Event) -> tuple[Notify, Callable[[], None]]:
    """How to tell the caller of `up` about progress, and how to end that.

    A caller that goes away before the lab is up (Ctrl-C, a lost terminal) wants no lab: it sets `stop`.
    """
    if report_fd is None:
        return lambda event: print(json.dumps(event), flush=True), lambda: None
    finished = False

    class Pipe(asyncio.BaseProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            if not finished:
                stop.set()

    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_write_pipe(Pipe, os.fdopen(report_fd, "wb", buffering=0))

    def notify(event: Mapping[str, Any]) -> None:
        if not finished:
            transport.write(json.dumps(event).encode() + b"\n")

    def hang_up() -> None:
        nonlocal finished
        finished = True
        transport.close()

    return notify, hang_up


def end_leftovers(where: Lab) -> None:
    """End what a lab that died together with its watchdog left running, and forget that lab."""
    # missing, or written by another version
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        for entry in json.loads(where.state.read_text())["servers"].values():
            if entry["pid"] is not None:
                processes.kill_group_in(where.root, entry["pid"])
    where.control.unlink(missing_ok=True)
    where.state.unlink(missing_ok=True)


def _empty(where: Lab) -> None:
    """Remove every file of an earlier lab. The supervisor's own log is open, and the lock is the lock."""
    logs = where.log("supervisor").parent
    for path in {*where.root.iterdir(), *logs.iterdir()} - {where.lock, logs, where.log("supervisor")}:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _servers(fleet: str, where: Lab, tier: str) -> list[Server]:
    """The servers that `module:function` makes for a lab and a tier."""
    module, _, function = fleet.partition(":")
    servers: list[Server] = getattr(importlib.import_module(module), function)(where, tier)
    return servers


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a lab in the foreground.")
    parser.add_argument("--lab", type=int)
    parser.add_argument("--tier", default="small")
    parser.add_argument("--fleet", default="scaling_guide.lab.fleet:servers", help="module:function")
    parser.add_argument("--lock-fd", type=int, help="the lock of the lab, already taken")
    parser.add_argument("--report-fd", type=int, help="a pipe for progress; without it, standard output")
    asked = parser.parse_args()
    try:
        where = lab(asked.lab)
        where.claim()
        lock_fd = lock.take(where) if asked.lock_fd is None else asked.lock_fd
    except LabError as error:
        parser.error(error.reason)
    if lock_fd is None:
        parser.error(f"lab {where.number} is up already")
    return asyncio.run(supervise(where, asked.tier, asked.fleet, lock_fd, asked.report_fd))


if __name__ == "__main__":
    sys.exit(main())
