"""What the engine must know of Redis before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.redis.target import RedisTarget

_SESSIONS = ("redis/sessions", "redis/sessions-replica", "sentinel")

SYSTEM = System(
    name="redis",
    title="Redis",
    target=RedisTarget,
    probes=("redis", "redis_config"),
    # an application answers from its cache, and the other servers of the sessions follow a failover
    disturbs={"cache": ("app",), "sessions": _SESSIONS, "sessions-replica": _SESSIONS},
    uses=("app", "postgres", "sentinel"),
)
