"""The places that the guide can be held against, and the servers in them."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from scaling_guide.model.record import Duration, Id, Port, Record, System, Text, TierName, Version
from scaling_guide.model.units import Scalar


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


class _RedisProcess(_Target):
    """`user` is the checker's identity, `operator` that of whoever acts; each password in a file of its own.

    The password files are where the guide runs, `config`, `acl_file` and `secrets` on the target's host;
    `secrets` is included by `config` and holds the password that this process shows to others.
    """

    version: Version
    directory: Text
    config: Text
    acl_file: Text
    secrets: Text
    user: Text = "checker"
    password_file: Text
    operator: Text = "operator"
    operator_password_file: Text


class RedisTarget(_RedisProcess):
    """A Redis server. `master` is the target that it replicates when both are new; a failover turns that."""

    system: Literal[System.REDIS]
    binary: Text = "redis-server"
    port: Port = 6379
    master: Id | None = None


class SentinelTarget(_RedisProcess):
    """One Sentinel. `monitors` is the target that is the master at first, `service` its name for clients."""

    system: Literal[System.SENTINEL]
    binary: Text = "redis-sentinel"
    port: Port = 26379
    service: Id
    monitors: Id


class MemcachedTarget(_Target):
    """A Memcached server. `config` is the file of its options, one a line, as Debian keeps it."""

    system: Literal[System.MEMCACHED]
    version: Version
    binary: Text = "memcached"
    port: Port = 11211
    config: Text
    user: Text | None = None


class _SqlTarget(_Target):
    """A server that speaks PostgreSQL's protocol.

    `user` and `passfile` are the checker's identity; the password stands in that file and nowhere else.
    """

    version: Version
    directory: Text
    config: Text
    database: Text
    user: Text
    passfile: Text


class PostgresTarget(_SqlTarget):
    """One PostgreSQL server.

    A replica names the primary that it follows as `upstream`, and its `slot` there, which is also the name
    that the primary knows it by. `owner` is the system user that the server runs as, `operator` the one who
    may be superuser over the socket, and `network` the addresses that clients and replicas may come from.
    """

    system: Literal[System.POSTGRES]
    role: Literal["primary", "replica"]
    port: Port = 5432
    binaries: Text
    data: Text
    sockets: Text
    network: Text
    owner: Text = "postgres"
    operator: Text = "postgres"
    upstream: Id | None = None
    slot: Text | None = None
    replication_passfile: Text | None = None


class PgbouncerTarget(_SqlTarget):
    """One PgBouncer in front of `primary` and, for reads that may be late, of `replica`.

    `operator` is the administrator of its console, whose password stands in `operator_passfile`.
    """

    system: Literal[System.PGBOUNCER]
    port: Port = 6432
    binary: Text = "pgbouncer"
    userlist: Text
    operator: Text = "pgbouncer_admin"
    operator_passfile: Text
    primary: Id
    replica: Id | None = None


class LinuxTarget(_Target):
    """A machine: its kernel, and the control group of the service that it is there for.

    `proc` and `sys` are where the kernel's files are, `cgroup` is the group's path below `sys/fs/cgroup`.
    `config` is the sysctl.d file that documented values are written to, `unit` systemd's addition to the
    service that limits the group. `version` is the kernel's.
    """

    system: Literal[System.LINUX]
    version: Version
    proc: Text = "/proc"
    sys: Text = "/sys"
    cgroup: Text = "system.slice/app.service"
    config: Text = "/etc/sysctl.d/60-scaling.conf"
    unit: Text = "/etc/systemd/system/app.service.d/60-scaling.conf"


class SupabaseTarget(_Target):
    """A Supabase project, seen through the management API at `address`.

    `token_file` holds a token that may read and nothing else, `operator_token_file` that of whoever carries
    out a runbook; without either it is taken from the variable SUPABASE_ACCESS_TOKEN. `http` is for a
    stand-in on loopback: otherwise the API is asked over TLS.
    """

    system: Literal[System.SUPABASE]
    address: Text = "api.supabase.com"
    version: Version = "1"
    http: Port | None = None
    project: Annotated[str, Field(pattern=r"^[a-z]{20}$")]
    organization: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    token_file: Text | None = None
    operator_token_file: Text | None = None

    @property
    def url(self) -> str:
        """Where the API is, without a slash at the end."""
        return f"http://{self.address}:{self.http}" if self.http else f"https://{self.address}"


Target = Annotated[
    AppTarget
    | NginxTarget
    | HaproxyTarget
    | RedisTarget
    | SentinelTarget
    | MemcachedTarget
    | PostgresTarget
    | PgbouncerTarget
    | LinuxTarget
    | SupabaseTarget,
    Field(discriminator="system"),
]
LoadBalancer = NginxTarget | HaproxyTarget


class Waiver(Record):
    """A drift that is known and accepted, by whom, why, and until when."""

    check: Id
    target: Text
    reason: Text
    owner: Text
    expires: date


class Attestation(Record):
    """What a person looked at since no interface tells it, at which place, and until when it is believed."""

    target: Text
    setting: Text
    value: Scalar
    seen: Text
    by: Text
    on: date
    until: date

    @model_validator(mode="after")
    def _ends_within_a_year(self) -> "Attestation":
        if not self.on <= self.until <= self.on + timedelta(days=366):
            raise ValueError("`until` must be within a year after `on`")
        return self


class Environment(Record):
    """A place where the guide can be held against reality.

    `commands` are the ways in which this environment restarts and reloads a target, used by runbooks. `page`
    is the page whose weight is held to a budget, `api` a list that is read page by page.
    """

    title: Text
    tier: TierName
    loopback: bool = False
    example: bool = False
    site: Text
    page: Text = "/"
    api: Text = "/api/items"
    deadline: Duration = "5s"
    commands: dict[str, Text] = {}
    targets: Annotated[dict[Id, Target], Field(min_length=1)]
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()

    _name: str = PrivateAttr(default="")
    _cache_keys: Mapping[str, float] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its file, which `--env` takes."""
        return self._name

    @property
    def cache_keys(self) -> Mapping[str, float]:
        """How the documented keys of a cache begin, to the longest that one may live, in milliseconds."""
        return self._cache_keys

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
