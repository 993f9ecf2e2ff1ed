"""The stand-in for Supabase's management API, one process over the project that the guide documents."""

import asyncio
import http.client
import sys
from signal import SIGINT, SIGTERM

from scaling_guide.lab import files, passwords
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server
from scaling_guide.lab.standins.supabase.service import MARK
from scaling_guide.model.environments import SupabaseTarget

PROBE_SECONDS = 2.0
TOKEN = "supabase-token"


def server(lab: Lab, target: SupabaseTarget, render: Render) -> Server:
    """The stand-in that this target describes, for the project in the file that `render` returns."""
    if target.http is None:
        raise ValueError(f"{target.id} names no `http` port, so it is the real API and not the lab's")
    bind = Bind(target.address, target.http)
    directory, token = lab.directory(target.id), passwords.file(lab, TOKEN)
    options = {"host": bind.ip, "port": bind.port, "state": directory / "project.yml", "token-file": token}

    def prepare() -> None:
        files.write(directory, render())

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(_missing, bind)

    return Server(
        name=target.id,
        argv=(
            *(sys.executable, "-m", "scaling_guide.lab.standins.supabase"),
            *(f"--{name}={value}" for name, value in options.items()),
        ),
        binds=(bind,),
        env={"PYTHONPATH": str(lab.repo)},
        prepare=prepare,
        ready=ready,
        stop_signal=SIGTERM,
        halt_signal=SIGINT,
    )


def _missing(bind: Bind) -> str | None:
    """Why it does not serve yet. Nobody is let in without the token, and that is answer enough."""
    connection = http.client.HTTPConnection(bind.ip, bind.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        mark = {name: response.headers.get(name) for name in MARK}
        return None if (response.status, mark) == (401, MARK) else f"something else answers {response.status}"
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
