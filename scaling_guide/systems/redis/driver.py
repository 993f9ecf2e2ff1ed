"""How the lab runs Redis, and changes a running one by its own commands where it can."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from redis import RedisError

from scaling_guide.lab.driver import Driver
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.faults import Breakage, replaced
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

    def apply_at_runtime(self, bench: Bench, before: Mapping[str, str]) -> bool:
        assert isinstance(bench.target, RedisTarget)
        return server.told(bench.target, before, bench.current)

    async def settle(self, bench: Bench) -> None:
        assert isinstance(bench.target, RedisTarget)
        await server.settled(bench.environment, bench.target, bench.at_most(server.SETTLE_SECONDS))

    def undisturbed(self, bench: Bench) -> AbstractAsyncContextManager[None]:
        is_watched = bench.target.role != server.CACHE
        return server.without_failover(bench.environment) if is_watched else nullcontext()

    def read_at_start(self, bench: Bench) -> frozenset[str]:
        return server.READ_AT_START

    def breakages(self, target: Any) -> Sequence[Breakage]:
        return (Breakage("password file gone", replaced(password_file="/nonexistent"), frozenset(PROBES)),)


DRIVER = RedisDriver()
