"""What the engine must know of Nginx before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.web.about import WEB_PROBES

SYSTEM = System(
    name="nginx",
    title="Nginx",
    target=NginxTarget,
    probes=("nginx_config", "nginx_process", "nginx_status", *WEB_PROBES),
    language="nginx",
    uses=("postgres", "web"),
    looks_up={
        "connections-exhausted": ("nginx-worker-connections",),
        "certificate-short": ("certificate-days-left",),
        "certificate-long": ("certificate-lifetime",),
    },
)
