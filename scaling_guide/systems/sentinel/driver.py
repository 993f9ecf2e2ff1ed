"""How the lab runs a Sentinel, which writes what it learns into its own file."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import RedisError

from scaling_guide.lab.driver import Breakage, Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.faults import replaced
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.redis import server as redis
from scaling_guide.systems.sentinel import server
from scaling_guide.systems.sentinel.probe import PROBES
from scaling_guide.systems.sentinel.target import SentinelTarget


class SentinelDriver(Driver):
    """SENTINEL SET changes it where that is enough; otherwise a restart does."""

    errors = (RedisError,)

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        watched = tuple(each.id for each in environment.of("redis"))
        return server.server(lab, environment, target, render, watched)

    def written(self, subject: Subject, texts: Mapping[str, str]) -> Mapping[str, str]:
        assert isinstance(subject.target, SentinelTarget)
        return server.with_learned(subject.environment, subject.target, texts)

    def apply_at_runtime(self, subject: Subject, before: Mapping[str, str]) -> bool:
        assert isinstance(subject.target, SentinelTarget)
        return server.told(subject.target, before, subject.current)

    async def settle(self, subject: Subject) -> None:
        assert isinstance(subject.target, SentinelTarget)
        await redis.settled(subject.environment, subject.target, subject.at_most(redis.SETTLE_SECONDS))

    def breakages(self, target: Any) -> Sequence[Breakage]:
        return (Breakage("password file gone", replaced(password_file="/nonexistent"), frozenset(PROBES)),)


DRIVER = SentinelDriver()
