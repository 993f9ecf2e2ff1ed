"""What environments say of a Memcached server."""

from typing import Literal

from scaling_guide.model.record import Port, Text
from scaling_guide.model.target import Target


class MemcachedTarget(Target):
    """A Memcached server. `config` is the file of its options, one a line, as Debian keeps it."""

    system: Literal["memcached"]
    binary: Text = "memcached"
    port: Port = 11211
    config: Text
    user: Text | None = None
