"""One server of the lab under test: its files as documented, its files as broken, and its checks."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from scaling_guide.lab import ca, files, lifecycle, passwords
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.lab.servers import haproxy, nginx, pgbouncer, postgres, redis
from scaling_guide.model.environments import (
    Environment,
    HaproxyTarget,
    LoadBalancer,
    NginxTarget,
    PgbouncerTarget,
    PostgresTarget,
    RedisTarget,
    SentinelTarget,
    SupabaseTarget,
    Target,
)
from scaling_guide.model.guide import Guide
from scaling_guide.render.configs import render
from scaling_guide.verify.check import Check, CheckResult
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import Selection, select

ADMIN_SECONDS = 2.0


class DidNotLand(Exception):
    """The breakage could not be brought about, so nothing was proven."""


@dataclass
class Bench:
    """A target of a running lab, and the means to break and mend it.

    `current` is what is on disk now; it is put back only when the next mutant needs it, because every write
    of a load balancer's file costs a reload.
    """

    guide: Guide
    environment: Environment
    target: Target
    lab: Lab
    pristine: Mapping[str, str] = field(init=False)
    current: Mapping[str, str] = field(init=False)
    checks: tuple[Check, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.pristine = self.rendered({})
        self.current = self.pristine
        selection = Selection(targets=frozenset({self.target.id}))
        self.checks = select(self.guide, self.environment, selection)

    @property
    def directory(self) -> Path:
        """Where the target's files are."""
        return self.lab.directory(self.target.id)

    @property
    def pid(self) -> int:
        """The process that takes signals."""
        server = lifecycle.status(self.lab.number).servers[self.target.id]
        if server.pid is None:
            raise DidNotLand(f"{self.target.id} is {server.state}")
        return server.pid

    def rendered(self, overrides: Mapping[str, Any]) -> Mapping[str, str]:
        """The target's files with some documented values replaced."""
        texts = render(self.guide, self.environment, self.target, overrides=overrides)
        return passwords.filled(self.lab, texts)

    async def put(self, texts: Mapping[str, str]) -> None:
        """Make the target run `texts`. Raises DidNotLand when it refuses them."""
        if texts == self.current:
            return
        async with self._undisturbed():
            await self._put(texts)

    def _undisturbed(self) -> AbstractAsyncContextManager[None]:
        """Keep the watchers of the target from acting while it is started, perhaps in vain."""
        if isinstance(self.target, RedisTarget) and self.target.role != redis.CACHE:
            return redis.without_failover(self.environment)
        return nullcontext()

    async def _put(self, texts: Mapping[str, str]) -> None:
        before = self.current
        files.write(self.directory, texts)
        try:
            await self.take_effect()
        except (ReloadRefused, TimeoutError, LabError, psycopg.Error) as error:
            files.write(self.directory, before)
            await self._mend()
            raise DidNotLand(str(error)) from None
        self.current = texts

    async def restore(self) -> None:
        """Put the documented files back and make the target run them."""
        await self.put(self.pristine)

    async def take_effect(self) -> None:
        """Reload, confirmed by the server's own word, or restart what cannot reload."""
        if isinstance(self.target, NginxTarget):
            await nginx.reloaded(self.pid, Path(self.target.logs) / "nginx-error.log")
        elif isinstance(self.target, HaproxyTarget):
            await haproxy.reloaded(self.pid, Path(self.target.master_socket))
        elif isinstance(self.target, PostgresTarget):
            await self._database(self.target)
        elif isinstance(self.target, PgbouncerTarget):
            if await pgbouncer.reloaded(self.lab, self.target, self.pid):
                await self.order("kill")
                await self.order("start")
        elif not isinstance(self.target, SupabaseTarget):  # which reads its file for each request
            await self.order("kill")
            await self.order("start")
        if isinstance(self.target, RedisTarget | SentinelTarget):
            await redis.settled(self.environment, self.target)

    async def _database(self, target: PostgresTarget) -> None:
        """Load the files, restart where a setting waits for that, and run the file of roles."""
        restart = await postgres.reloaded(self.pid, target)
        if restart:
            await self.order("restart")
        if target.upstream is None:
            sql = (self.directory / postgres.IDENTITIES).read_text()
            await asyncio.to_thread(postgres.execute, target, sql)
        if restart:
            await postgres.followed(target, len(self.replicas))
        await postgres.received(target)

    @property
    def replicas(self) -> tuple[PostgresTarget, ...]:
        """The replicas of the target that run."""
        servers = lifecycle.status(self.lab.number).servers
        return tuple(
            other
            for other in self.environment.targets.values()
            if isinstance(other, PostgresTarget)
            and other.upstream == self.target.id
            and servers[other.id].state == "ready"
        )

    async def _mend(self) -> None:
        """With the earlier files back: start a server that would not start, or have it read them."""
        if not isinstance(self.target, LoadBalancer):
            if lifecycle.status(self.lab.number).servers[self.target.id].state != "ready":
                # one that runs and does not get ready holds its port
                await self.order("stop")
                await self.order("start")
            await self.take_effect()

    async def order(self, operation: str, target: str | None = None) -> None:
        """Have the lab's supervisor stop, kill, start or restart the target, or another."""
        await asyncio.to_thread(lifecycle.command, operation, target or self.target.id, self.lab.number)

    async def admin(self, *commands: str) -> str:
        """Send commands to HAProxy's admin socket. Raises DidNotLand when it complains."""
        assert isinstance(self.target, HaproxyTarget)
        async with asyncio.timeout(ADMIN_SECONDS):
            reader, writer = await asyncio.open_unix_connection(self.target.admin_socket)
            writer.write("; ".join(commands).encode() + b"\n")
            answer = (await reader.read()).decode().strip()
            writer.close()
        if answer and "show" not in commands[0]:
            raise DidNotLand(f"{commands[0]}: {answer}")
        return answer

    async def verify(self) -> dict[str, CheckResult]:
        """The target's checks, by fact id."""
        run = await asyncio.to_thread(verify, self.environment, self.checks)
        return {result.id: result for result in run.results}

    def certificate(self, issued: ca.Issued) -> None:
        """Put a certificate where the target reads it, without telling the target."""
        assert isinstance(self.target, NginxTarget | HaproxyTarget)
        combined = isinstance(self.target, HaproxyTarget)
        files.place_certificate(Path(self.target.certificate), issued, combined)
