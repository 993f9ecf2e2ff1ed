"""HAProxy: a master that keeps its process id over reloads, and a worker that does the work."""

import asyncio
import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, SIGUSR1, SIGUSR2

from scaling_guide.lab import ca, files, waiting
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import ReloadRefused, Render, Server
from scaling_guide.systems.haproxy.target import HaproxyTarget

ANSWER_SECONDS = 2.0
RELOAD_SECONDS = 15.0

_MASTER = re.compile(r"^\d+\s+master\s+\d+ \[failed: (\d+)\]", re.MULTILINE)
_WORKER = re.compile(r"^(\d+)\s+worker\s", re.MULTILINE)


@dataclass(frozen=True)
class Processes:
    """What the master says of its processes: the worker that serves, and reloads that failed in a row."""

    worker: int | None
    failed: int


def server(
    lab: Lab,
    target: HaproxyTarget,
    site: str,
    render: Render,
    needs: tuple[str, ...] = (),
) -> Server:
    """The load balancer that this target describes, configured by the files that `render` returns."""
    socket = Path(target.master_socket)

    # the authority is made here, where one server is described after the other, and not side by side
    signer = ca.authority(lab.directory("ca"))

    def prepare() -> None:
        files.write(lab.directory(target.id), render())
        issued = ca.issue(signer, site)
        files.place_certificate(Path(target.certificate), issued, combined=True)

    async def ready(pid: int) -> str | None:
        return await unchecked(socket)

    async def reload(pid: int) -> None:
        await reloaded(pid, socket)

    return Server(
        name=target.id,
        # -db keeps the master in the foreground where the file says `daemon`
        argv=(target.binary, "-W", "-db", "-S", f"{socket},mode,600", "-f", target.config),
        binds=tuple(Bind(target.address, port) for port in (target.https, target.http, target.stats)),
        needs=needs,
        prepare=prepare,
        ready=ready,
        reload=reload,
        stop_signal=SIGUSR1,
        halt_signal=SIGTERM,
    )


async def unchecked(socket: Path) -> str | None:
    """Which servers behind the worker have had no health check yet; None when all have."""
    try:
        worker = (await processes_of(socket)).worker
        if worker is None:
            return "the master has no worker"
        answer = await ask(socket, f"@!{worker} show stat")
    except OSError as error:
        return f"the master does not answer ({error})"
    rows = csv.DictReader(answer.removeprefix("# ").splitlines())
    waiting_for = [f"{row['pxname']}/{row['svname']}" for row in rows if "INI" in (row["check_status"] or "")]
    return f"{', '.join(waiting_for)} had no health check" if waiting_for else None


async def reloaded(master: int, socket: Path) -> None:
    """Send USR2, and return once a new worker serves and has checked all servers behind it.

    Raises ReloadRefused when the master kept the old worker, or TimeoutError.
    """
    before = await processes_of(socket)

    async def missing() -> str | None:
        try:
            now = await processes_of(socket)
        except OSError as error:
            return f"the master did not answer ({error})"
        if now.failed > before.failed:
            raise ReloadRefused("it refused the new configuration and goes on with the old one")
        if now.worker in (None, before.worker):
            return "there was no new worker"
        return await unchecked(socket)

    os.kill(master, SIGUSR2)
    await waiting.until(missing, RELOAD_SECONDS)


async def processes_of(socket: Path) -> Processes:
    answer = await ask(socket, "show proc")
    master, worker = _MASTER.search(answer), _WORKER.search(answer.partition("# old workers")[0])
    if master is None:
        raise ConnectionError(f"the master's answer to `show proc` is not understood: {answer!r}")
    return Processes(int(worker[1]) if worker else None, int(master[1]))


async def ask(socket: Path, command: str) -> str:
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(command.encode() + b"\n")
            # the master leaves the connection open for more commands until there can be none
            writer.write_eof()
            return (await reader.read()).decode()
        finally:
            writer.close()


async def admin(target: HaproxyTarget, *commands: str) -> str:
    """The answer to commands on the admin socket. Raises LabError when HAProxy complains, TimeoutError."""
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_unix_connection(target.admin_socket)
        writer.write("; ".join(commands).encode() + b"\n")
        answer = (await reader.read()).decode().strip()
        writer.close()
    if answer and "show" not in commands[0]:
        raise LabError(f"{commands[0]}: {answer}")
    return answer
