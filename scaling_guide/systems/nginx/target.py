"""What environments say of an Nginx."""

from typing import Literal

from scaling_guide.model.record import Port, Text
from scaling_guide.model.target import LoadBalancer


class NginxTarget(LoadBalancer):
    """An Nginx load balancer. `status` is the port of stub_status on its own address."""

    system: Literal["nginx"]
    binary: Text = "nginx"
    pid_file: Text
    directory: Text
    logs: Text
    certificate_key: Text
    status: Port
    user: Text | None = None

    @property
    def key_file(self) -> str:
        """The file that holds the private key, apart from the certificate."""
        return self.certificate_key
