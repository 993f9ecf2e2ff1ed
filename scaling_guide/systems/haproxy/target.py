"""What environments say of an HAProxy."""

from typing import Literal

from scaling_guide.model.record import Port, Text
from scaling_guide.model.target import LoadBalancer


class HaproxyTarget(LoadBalancer):
    """An HAProxy load balancer, with one socket for each level of trust."""

    system: Literal["haproxy"]
    binary: Text = "haproxy"
    directory: Text
    operator_socket: Text
    admin_socket: Text
    master_socket: Text
    stats: Port
    user: Text | None = None

    @property
    def inserts_cookie(self) -> bool:
        return True
