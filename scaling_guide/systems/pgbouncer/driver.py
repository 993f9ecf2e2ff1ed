"""How the lab runs PgBouncer and changes what it runs."""

from typing import Any

import psycopg

from scaling_guide.lab.driver import Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.pgbouncer import server
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget


class PgbouncerDriver(Driver):
    """RELOAD is confirmed by its console; what waits for a restart gets one."""

    errors = (psycopg.Error,)

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        return server.server(lab, target, render, (target.primary,))

    async def apply(self, subject: Subject) -> None:
        assert isinstance(subject.target, PgbouncerTarget)
        if await server.reloaded(subject.lab, subject.target, subject.pid):
            await subject.order("kill")
            await subject.order("start")

    def read_at_start(self, subject: Subject) -> frozenset[str]:
        assert isinstance(subject.target, PgbouncerTarget)
        return server.read_at_start(subject.lab, subject.target)


DRIVER = PgbouncerDriver()
