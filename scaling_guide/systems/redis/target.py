"""What environments say of a Redis server."""

from typing import Literal

from scaling_guide.model.record import Id, Port, Text
from scaling_guide.model.target import Target


class RedisProcess(Target):
    """`user` is the checker's identity, `operator` that of whoever acts; each password in a file of its own.

    The password files are where the guide runs, `config`, `acl_file` and `secrets` on the target's host;
    `secrets` is included by `config` and holds the password that this process shows to others.
    """

    directory: Text
    config: Text
    acl_file: Text
    secrets: Text
    binary: Text
    port: Port
    user: Text = "checker"
    password_file: Text
    operator: Text = "operator"
    operator_password_file: Text


class RedisTarget(RedisProcess):
    """A Redis server. `master` is the target that it replicates when both are new; a failover turns that."""

    system: Literal["redis"]
    binary: Text = "redis-server"
    port: Port = 6379
    master: Id | None = None
