"""The application behind the load balancers: `scaling_guide.lab.app`, one process an instance."""

import asyncio
import http.client
import sys
from collections.abc import Mapping
from signal import SIGINT, SIGTERM
from types import MappingProxyType

from cryptography.fernet import Fernet

from scaling_guide.lab import files
from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import AppTarget

NOWHERE: Mapping[str, object] = MappingProxyType({})
PROBE_SECONDS = 2.0
# longer than any documented drain and shutdown together
STOP_SECONDS = 60.0


def server(lab: Lab, target: AppTarget, render: Render, places: Mapping[str, object] = NOWHERE) -> Server:
    """The instance that this target describes, with the limits in the files that `render` returns.

    `places` are further options of the application: where its cache and its sessions are.
    """
    bind = Bind(target.address, target.http)
    directory, session_key = lab.directory(target.id), lab.root / "session.key"
    # one key for all, so that any instance can go on with the session of another
    if not session_key.exists():
        write_secret(session_key, Fernet.generate_key())
    options = {
        "host": bind.ip,
        "port": bind.port,
        "instance": target.id,
        "version": target.version,
        "session-key": session_key,
        "ledger": lab.root / "orders.ledger",
        "settings": directory / "app.env",
        **places,
    }

    def prepare() -> None:
        files.write(directory, render())

    async def ready(pid: int) -> str | None:
        status = await asyncio.to_thread(_status, bind, "/readyz")
        return None if status == 200 else f"/readyz answered {status}"

    return Server(
        name=target.id,
        argv=(
            *(sys.executable, "-m", "scaling_guide.lab.app"),
            *(f"--{name}={value}" for name, value in options.items()),
        ),
        binds=(bind,),
        env={"PYTHONPATH": str(lab.repo)},
        prepare=prepare,
        ready=ready,
        stop_signal=SIGTERM,
        halt_signal=SIGINT,
        stop_seconds=STOP_SECONDS,
    )


def _status(bind: Bind, path: str) -> int | str:
    connection = http.client.HTTPConnection(bind.ip, bind.port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError as error:
        return str(error)
    finally:
        connection.close()
