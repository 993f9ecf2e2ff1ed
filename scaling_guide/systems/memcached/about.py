"""What the engine must know of Memcached before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.memcached.target import MemcachedTarget

SYSTEM = System(
    name="memcached",
    title="Memcached",
    target=MemcachedTarget,
    probes=("memcached",),
    looks_up={
        "memcached-connections-exhausted": ("memcached-connections",),
    },
)
