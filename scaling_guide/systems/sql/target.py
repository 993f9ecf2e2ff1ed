"""What environments say of a server with PostgreSQL's protocol."""

from scaling_guide.model.record import Port, Text
from scaling_guide.model.target import Target


class SqlTarget(Target):
    """A server that speaks PostgreSQL's protocol.

    `user` and `passfile` are the checker's identity; the password stands in that file and nowhere else.
    """

    port: Port
    directory: Text
    config: Text
    database: Text
    user: Text
    passfile: Text
