"""What the engine must know of Linux before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.linux.target import LinuxTarget

SYSTEM = System(
    name="linux",
    title="Linux",
    target=LinuxTarget,
    probes=("linux",),
    looks_up={
        "service-nearly-full": ("service-memory-limit", "service-memory-share"),
    },
)
