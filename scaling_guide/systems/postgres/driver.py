"""How the lab runs PostgreSQL and changes what it runs."""

import asyncio
from typing import Any

import psycopg

from scaling_guide.lab import lifecycle
from scaling_guide.lab.driver import Driver
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench, directives
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

    async def apply(self, bench: Bench) -> None:
        """Load the files, restart where a setting waits for that, and run the file of roles."""
        target = bench.target
        assert isinstance(target, PostgresTarget)
        restart = await server.reloaded(bench.pid, target, bench.at_most(server.RELOAD_SECONDS))
        if restart:
            await bench.order("restart")
        if target.upstream is None:
            sql = (bench.directory / server.IDENTITIES).read_text()
            await asyncio.to_thread(server.execute, target, sql)
        if restart:
            await bench.settled()
        elif _follows_as_documented(bench):
            await server.received(target)

    async def settle(self, bench: Bench) -> None:
        assert isinstance(bench.target, PostgresTarget)
        seconds = bench.at_most(server.FOLLOW_SECONDS)
        await server.followed(bench.target, len(replicas(bench)), seconds)
        await server.received(bench.target)

    def read_at_start(self, bench: Bench) -> frozenset[str]:
        assert isinstance(bench.target, PostgresTarget)
        return server.read_at_start(bench.target)


def replicas(bench: Bench) -> tuple[PostgresTarget, ...]:
    """The running replicas of the target."""
    servers = lifecycle.status(bench.lab.number).servers
    return tuple(
        other
        for other in bench.environment.targets.values()
        if isinstance(other, PostgresTarget)
        and other.upstream == bench.target.id
        and servers[other.id].state == "ready"
    )


def _follows_as_documented(bench: Bench) -> bool:
    now, documented = map(directives, (bench.current, bench.pristine))
    return now.get(_UPSTREAM) == documented.get(_UPSTREAM)


DRIVER = PostgresDriver()
