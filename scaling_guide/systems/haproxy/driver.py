"""How the lab runs HAProxy, changes what it runs, and lies in the place of its sockets."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scaling_guide.lab.driver import Breakage, Broken, Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.faults import LIARS, Handler, replaced
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.model.target import Target
from scaling_guide.probes.probe import Over
from scaling_guide.systems.haproxy import server
from scaling_guide.systems.haproxy.probe import PROBES
from scaling_guide.systems.haproxy.target import HaproxyTarget

_SOCKETS = frozenset(name for name, probe in PROBES.items() if Over.SOCKET in probe.over)


class HaproxyDriver(Driver):
    """A reload is confirmed by the master process."""

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        needs = tuple(each.id for each in environment.apps)
        return server.server(lab, target, environment.site, render, needs)

    def is_statement(self, line: str) -> bool:
        text = line.partition(" # ")[0].strip()
        return line[:1].isspace() and bool(text) and not text.startswith("#")

    async def apply(self, subject: Subject) -> None:
        assert isinstance(subject.target, HaproxyTarget)
        await server.reloaded(subject.pid, Path(subject.target.master_socket))

    def breakages(self, target: Any) -> Sequence[Breakage]:
        gone = "/nonexistent.sock"
        return (
            Breakage("socket gone", replaced(operator_socket=gone, master_socket=gone), _SOCKETS),
            *(Breakage(f"socket {name}", _socket_liar(handler), _SOCKETS) for name, handler in LIARS.items()),
        )


def _socket_liar(handler: Handler) -> Broken:
    @asynccontextmanager
    async def broken(target: Target) -> AsyncIterator[Target]:
        with tempfile.TemporaryDirectory(prefix="sg-") as directory:
            path = str(Path(directory) / "s")
            async with await asyncio.start_unix_server(handler, path):
                lie = replaced(operator_socket=path, master_socket=path)
                async with lie(target) as instead:
                    yield instead

    return broken


DRIVER = HaproxyDriver()
