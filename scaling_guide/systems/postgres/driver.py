"""How the lab runs PostgreSQL and changes what it runs."""

import asyncio
from typing import Any

import psycopg

from scaling_guide.lab import lifecycle
from scaling_guide.lab.driver import Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import directives
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.postgres import server
from scaling_guide.systems.postgres.target import PostgresTarget

_UPSTREAM = "primary_conninfo"


class PostgresDriver(Driver):
    """A reload is confirmed by the server; what waits for a restart gets one, and roles are made anew."""

    errors = (psycopg.Error,)

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        upstream = environment.targets[target.upstream] if target.upstream else None
        assert upstream is None or isinstance(upstream, PostgresTarget)
        return server.server(lab, target, render, upstream)

    async def apply(self, subject: Subject) -> None:
        """Load the files, restart where a setting waits for that, and run the file of roles."""
        target = subject.target
        assert isinstance(target, PostgresTarget)
        restart = await server.reloaded(subject.pid, target, subject.at_most(server.RELOAD_SECONDS))
        if restart:
            await subject.order("restart")
        if target.upstream is None:
            sql = (subject.directory / server.IDENTITIES).read_text()
            await asyncio.to_thread(server.execute, target, sql)
        if restart:
            await subject.settled()
        elif _follows_as_documented(subject):
            await server.received(target)

    async def settle(self, subject: Subject) -> None:
        assert isinstance(subject.target, PostgresTarget)
        seconds = subject.at_most(server.FOLLOW_SECONDS)
        await server.followed(subject.target, len(replicas(subject)), seconds)
        await server.received(subject.target)

    def read_at_start(self, subject: Subject) -> frozenset[str]:
        assert isinstance(subject.target, PostgresTarget)
        return server.read_at_start(subject.target)


def replicas(subject: Subject) -> tuple[PostgresTarget, ...]:
    """The running replicas of the target."""
    servers = lifecycle.status(subject.lab.number).servers
    return tuple(
        other
        for other in subject.environment.targets.values()
        if isinstance(other, PostgresTarget)
        and other.upstream == subject.target.id
        and servers[other.id].state == "ready"
    )


def _follows_as_documented(subject: Subject) -> bool:
    now, documented = map(directives, (subject.current, subject.pristine))
    return now.get(_UPSTREAM) == documented.get(_UPSTREAM)


DRIVER = PostgresDriver()
