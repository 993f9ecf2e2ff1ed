"""What environments say of a PgBouncer."""

from typing import Literal

from scaling_guide.model.record import Id, Port, Text
from scaling_guide.systems.sql.target import SqlTarget


class PgbouncerTarget(SqlTarget):
    """One PgBouncer in front of `primary` and, for reads that may be late, of `replica`.

    `operator` is the administrator of its console, whose password stands in `operator_passfile`.
    """

    system: Literal["pgbouncer"]
    port: Port = 6432
    binary: Text = "pgbouncer"
    userlist: Text
    operator: Text = "pgbouncer_admin"
    operator_passfile: Text
    primary: Id
    replica: Id | None = None
