"""What an environment says of each server, whatever product it is."""

from typing import Literal

from pydantic import PrivateAttr

from scaling_guide.model.record import Id, Port, Record, Text, Version


class Target(Record):
    """One server of an environment; each system has a subclass with its own fields.

    `system` names the product, `host` is a testinfra address of the machine, `address` what clients connect
    to. `role` distinguishes servers of one system: a primary from a replica, a cache from a session store.
    """

    system: str
    version: Version
    host: Text = "local://"
    address: Text
    role: Id | None = None

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """The target's name in its environment."""
        return self._id


class AppTarget(Target):
    """One process of the application that is being scaled, behind the load balancers."""

    system: Literal["app"]
    version: Version = "1.0"
    http: Port = 8000


class LoadBalancer(Target):
    """A server that terminates TLS and spreads requests; `trust` is the CA file that its clients use."""

    https: Port = 443
    http: Port = 80
    config: Text
    trust: Text | None = None
    certificate: Text

    @property
    def inserts_cookie(self) -> bool:
        """Whether it keeps a session on one server by a cookie that it sets itself."""
        return False

    @property
    def key_file(self) -> str:
        """The file that holds the private key."""
        return self.certificate
