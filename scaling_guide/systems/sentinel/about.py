"""What the engine must know of Sentinel before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.sentinel.target import SentinelTarget

SYSTEM = System(
    name="sentinel",
    title="Sentinel",
    target=SentinelTarget,
    probes=("sentinel",),
    disturbs={"*": ("redis/sessions", "redis/sessions-replica", "sentinel")},
    uses=("redis",),
    looks_up={
        "sentinel-peer-gone": ("sentinel-down-after",),
        "sentinel-majority-gone": ("sentinel-down-after",),
        "sentinel-replica-gone": ("sentinel-down-after",),
        "sentinel-nodes-gone": ("sentinel-down-after",),
    },
)
