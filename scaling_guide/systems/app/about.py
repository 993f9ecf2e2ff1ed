"""What the engine must know of Application before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.model.target import AppTarget

SYSTEM = System(
    name="app",
    title="Application",
    target=AppTarget,
    probes=("app", "latency"),
    language="bash",
    disturbs={"*": ("nginx", "haproxy")},
    uses=("pgbouncer", "redis", "web"),
)
