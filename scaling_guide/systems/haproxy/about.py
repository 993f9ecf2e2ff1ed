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
    looks_up={
        "algorithm-not-reloaded": ("haproxy-algorithm",),
        "backlog-not-restarted": ("haproxy-backlog",),
        "runtime-maxconn": ("haproxy-maxconn",),
        "runtime-server-maxconn": ("haproxy-server-maxconn",),
        "certificate-short": ("certificate-days-left",),
        "certificate-long": ("certificate-lifetime",),
    },
)
