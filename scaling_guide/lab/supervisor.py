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
import sys
import traceback
from collections.abc import Callable, Mapping
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

from scaling_guide.lab import control, lock, processes
from scaling_guide.lab.layout import Lab, LabError, lab
from scaling_guide.lab.owner import Notify, Owner, failure
from scaling_guide.lab.processes import Watchdog
from scaling_guide.lab.server import Server
from scaling_guide.model.lab_layout import NoSuchLab


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
        owner = Owner(where, tier, _servers(fleet, where, tier), guard, notify)
        try:
            async with control.serve(owner, stop):
                await _unless(stop, owner.start_all())
                if not stop.is_set():
                    notify({"phase": "up"})
                    hang_up()
                await stop.wait()
        finally:
            await owner.halt_all()
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
    except (NoSuchLab, LabError) as error:
        parser.error(str(error))
    if lock_fd is None:
        parser.error(f"lab {where.number} is up already")
    return asyncio.run(supervise(where, asked.tier, asked.fleet, lock_fd, asked.report_fd))


if __name__ == "__main__":
    sys.exit(main())
