"""Nginx: one master and its workers, from configuration files in its directory."""

import contextlib
import os
import re
from pathlib import Path
from signal import SIGHUP, SIGQUIT, SIGTERM

import psutil

from scaling_guide.lab import ca, files, waiting
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import ReloadRefused, Render, Server
from scaling_guide.systems.nginx.target import NginxTarget

RELOAD_SECONDS = 10.0

_REFUSAL = re.compile(r"^.*\[emerg\] (?:\d+#\d+: )?(.*)$", re.MULTILINE)


def server(
    lab: Lab,
    target: NginxTarget,
    site: str,
    render: Render,
    needs: tuple[str, ...] = (),
) -> Server:
    """The load balancer that this target describes, configured by the files that `render` returns."""
    # before its configuration is read Nginx complains to its standard error, and after that here
    error_log = Path(target.logs) / "nginx-error.log"

    # the authority is made here, where one server is described after the other, and not side by side
    signer = ca.authority(lab.directory("ca"))

    def prepare() -> None:
        files.write(lab.directory(target.id), render())
        issued = ca.issue(signer, site)
        files.place_certificate(Path(target.certificate), issued)

    async def ready(pid: int) -> str | None:
        return None if workers(pid) else "the master has no worker"

    async def reload(pid: int) -> None:
        await reloaded(pid, error_log)

    return Server(
        name=target.id,
        argv=(
            *(target.binary, "-p", f"{target.directory}/", "-c", target.config),
            *("-e", "stderr", "-g", "daemon off;"),
        ),
        binds=tuple(Bind(target.address, port) for port in (target.https, target.http, target.status)),
        needs=needs,
        prepare=prepare,
        ready=ready,
        reload=reload,
        stop_signal=SIGQUIT,
        halt_signal=SIGTERM,
    )


def workers(master: int) -> frozenset[int]:
    """The workers that accept connections: those that shut down only finish what they have."""
    found = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(master).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                title = " ".join(child.cmdline())
                if "worker process" in title and "shutting down" not in title:
                    found.add(child.pid)
    return frozenset(found)


async def reloaded(master: int, error_log: Path) -> None:
    """Send HUP, and return once new workers have taken over from all old ones.

    Raises ReloadRefused with what Nginx wrote to its error log, which is all it does about a bad
    configuration, or TimeoutError.
    """
    old, read = workers(master), error_log.stat().st_size

    async def missing() -> str | None:
        with error_log.open("rb") as written:
            written.seek(read)
            if refusal := _REFUSAL.search(written.read().decode(errors="replace")):
                raise ReloadRefused(refusal[1])
        # old workers shut down once all new ones run
        serving = workers(master)
        return None if serving and not serving & old else f"workers {sorted(serving)} still served"

    os.kill(master, SIGHUP)
    await waiting.until(missing, RELOAD_SECONDS)
