"""How the lab runs Redis, and changes a running one by its own commands where it can."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from redis import RedisError

from scaling_guide.lab.driver import Breakage, Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.faults import replaced
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.redis import server
from scaling_guide.systems.redis.probe import PROBES
from scaling_guide.systems.redis.target import RedisTarget


class RedisDriver(Driver):
    """It reads no file again: CONFIG SET and ACL SETUSER change it, or a restart does."""

    errors = (RedisError,)

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        return server.server(lab, target, render, (target.master,) if target.master else ())

    def apply_at_runtime(self, subject: Subject, before: Mapping[str, str]) -> bool:
        assert isinstance(subject.target, RedisTarget)
        return server.told(subject.target, before, subject.current)

    async def settle(self, subject: Subject) -> None:
        assert isinstance(subject.target, RedisTarget)
        await server.settled(subject.environment, subject.target, subject.at_most(server.SETTLE_SECONDS))

    def undisturbed(self, subject: Subject) -> AbstractAsyncContextManager[None]:
        is_watched = subject.target.role != server.CACHE
        return server.without_failover(subject.environment) if is_watched else nullcontext()

    def read_at_start(self, subject: Subject) -> frozenset[str]:
        return server.READ_AT_START

    def breakages(self, target: Any) -> Sequence[Breakage]:
        return (Breakage("password file gone", replaced(password_file="/nonexistent"), frozenset(PROBES)),)


DRIVER = RedisDriver()
