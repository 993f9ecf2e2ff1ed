"""What environments say of a Sentinel."""

from typing import Literal

from scaling_guide.model.record import Id, Port, Text
from scaling_guide.systems.redis.target import RedisProcess


class SentinelTarget(RedisProcess):
    """One Sentinel. `monitors` is the target that is the master at first, `service` its name for clients."""

    system: Literal["sentinel"]
    binary: Text = "redis-sentinel"
    port: Port = 26379
    service: Id
    monitors: Id
