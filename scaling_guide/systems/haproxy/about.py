"""What the engine must know of HAProxy before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.web.about import WEB_PROBES

SYSTEM = System(
    name="haproxy",
    title="HAProxy",
    target=HaproxyTarget,
    probes=("haproxy_config", "haproxy_runtime", *WEB_PROBES),
    uses=("web",),
)
