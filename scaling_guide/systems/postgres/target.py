"""What environments say of a PostgreSQL server."""

from typing import Literal

from scaling_guide.model.record import Id, Port, Text
from scaling_guide.systems.sql.target import SqlTarget


class PostgresTarget(SqlTarget):
    """One PostgreSQL server.

    A replica names the primary that it follows as `upstream`, and its `slot` there, which is also the name
    that the primary knows it by. `owner` is the system user that the server runs as, `operator` the one who
    may be superuser over the socket, and `network` the addresses that clients and replicas may come from.
    """

    system: Literal["postgres"]
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
