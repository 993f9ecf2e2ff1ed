"""The places that the guide can be held against, and the servers in them."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from scaling_guide.model.record import Duration, Id, Port, Record, System, Text, TierName, Version


class _Target(Record):
    """`role` tells servers of one system apart: a primary from a replica, a cache from a session store."""

    host: Text = "local://"
    address: Text
    role: Id | None = None

    _id: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """The target's name in its environment."""
        return self._id


class AppTarget(_Target):
    """One process of the application, behind the load balancers."""

    system: Literal[System.APP]
    version: Version = "1.0"
    http: Port = 8000


class _LoadBalancer(_Target):
    version: Version
    https: Port = 443
    http: Port = 80
    config: Text
    trust: Text | None = None
    certificate: Text


class NginxTarget(_LoadBalancer):
    """An Nginx load balancer. `status` is the port of stub_status on its own address."""

    system: Literal[System.NGINX]
    binary: Text = "nginx"
    pid_file: Text
    directory: Text
    logs: Text
    certificate_key: Text
    status: Port
    user: Text | None = None


class HaproxyTarget(_LoadBalancer):
    """An HAProxy load balancer, with one socket for each level of trust."""

    system: Literal[System.HAPROXY]
    binary: Text = "haproxy"
    directory: Text
    operator_socket: Text
    admin_socket: Text
    master_socket: Text
    stats: Port
    user: Text | None = None


Target = Annotated[AppTarget | NginxTarget | HaproxyTarget, Field(discriminator="system")]
LoadBalancer = NginxTarget | HaproxyTarget


class Waiver(Record):
    """A drift that is known and accepted, by whom, why, and until when."""

    check: Id
    target: Text
    reason: Text
    owner: Text
    expires: date


class Environment(Record):
    """A place where the guide can be held against reality.

    `commands` are the ways in which this environment restarts and reloads a target, used by runbooks.
    """

    title: Text
    tier: TierName
    loopback: bool = False
    example: bool = False
    site: Text
    deadline: Duration = "5s"
    commands: dict[str, Text] = {}
    targets: Annotated[dict[Id, Target], Field(min_length=1)]
    waivers: tuple[Waiver, ...] = ()

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """The name of its file, which `--env` takes."""
        return self._name

    def of(self, *systems: System) -> tuple[Target, ...]:
        """The targets of the given systems, in the order of the file."""
        return tuple(target for target in self.targets.values() if target.system in systems)

    @property
    def placeholders(self) -> Mapping[str, Any]:
        """What facts may leave to the environment: the name in the data to the value here."""
        return {name: fill(self) for name, fill in PLACEHOLDERS.items()}

    @property
    def apps(self) -> tuple[AppTarget, ...]:
        """The processes of the application, in the order of the file."""
        return tuple(target for target in self.targets.values() if isinstance(target, AppTarget))


PLACEHOLDERS: Mapping[str, Callable[[Environment], Any]] = {
    "{site}": lambda environment: environment.site,
    "{apps}": lambda environment: [f"{app.address}:{app.http}" for app in environment.apps],
    "{app count}": lambda environment: len(environment.apps),
    "{app version}": lambda environment: next((app.version for app in environment.apps), None),
}
