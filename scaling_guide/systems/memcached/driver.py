"""How the lab runs Memcached. A restart is all that changes it."""

from typing import Any

from pymemcache.exceptions import MemcacheError

from scaling_guide.lab.driver import Driver
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.memcached import server


class MemcachedDriver(Driver):
    """It takes its options as arguments, from a file that is read at every start."""

    errors = (MemcacheError,)

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        return server.server(lab, target, render)


DRIVER = MemcachedDriver()
