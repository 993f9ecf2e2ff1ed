"""A server written for the lab: a Python program of this project that answers HTTP on one address."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from signal import SIGINT, SIGTERM

from scaling_guide.lab import files
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server

PROBE_SECONDS = 2.0
STOP_SECONDS = 5.0

Lack = Callable[[HTTPResponse], str | None]
"""What an answer says is missing yet; None when it is the answer of a server that is ready."""


def python_service(
    lab: Lab,
    name: str,
    module: str,
    bind: Bind,
    options: Mapping[str, object],
    render: Render,
    path: str,
    lack: Lack,
    stop_seconds: float = STOP_SECONDS,
) -> Server:
    """`python -m module` on `bind`, with `options` and the files that `render` returns.

    It is ready when `lack` finds nothing missing in what it answers on `path`.
    """
    arguments = {"host": bind.ip, "port": bind.port, **options}

    def prepare() -> None:
        files.write(lab.directory(name), render())

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(_missing, bind, path, lack)

    return Server(
        name=name,
        argv=(sys.executable, "-m", module, *(f"--{key}={value}" for key, value in arguments.items())),
        binds=(bind,),
        env={"PYTHONPATH": str(lab.repo)},
        prepare=prepare,
        ready=ready,
        stop_signal=SIGTERM,
        halt_signal=SIGINT,
        stop_seconds=stop_seconds,
    )


def _missing(bind: Bind, path: str, lack: Lack) -> str | None:
    connection = HTTPConnection(bind.ip, bind.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return lack(connection.getresponse())
    except (OSError, HTTPException) as error:
        return str(error)
    finally:
        connection.close()
