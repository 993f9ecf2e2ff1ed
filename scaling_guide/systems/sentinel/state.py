"""What an operator may leave behind on a Sentinel: the rules it follows, and users."""

from redis import RedisError

from scaling_guide.lab.state.marks import Marks
from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found
from scaling_guide.systems.redis.server import operator
from scaling_guide.systems.redis.state import named, users_of
from scaling_guide.systems.sentinel.target import SentinelTarget

_MASTER = ("quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs")


def sentinel(environment: Environment, target: SentinelTarget) -> Found:
    """Who is the master for a Sentinel, and by which rules. Raises redis.RedisError."""
    with operator(target) as connection:
        version = str(connection.info("server")["redis_version"])
        known = connection.sentinel_master(target.service)
        users = users_of(connection)
    rules = {name: str(known[name]) for name in _MASTER}
    return version, {"master": named(environment, str(known["ip"])), **rules, **users}


MARKS = Marks(asked=sentinel, errors=(RedisError,), own_files=("sentinel.conf",))
