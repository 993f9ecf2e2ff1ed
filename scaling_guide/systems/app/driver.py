"""How the lab runs the application, and where that finds its cache, its sessions and its database."""

from collections.abc import Mapping
from typing import Any

from scaling_guide.lab.driver import Driver
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.app import server
from scaling_guide.systems.pgbouncer.server import places as database
from scaling_guide.systems.redis.server import places as stores


class AppDriver(Driver):
    """It reads its settings only at its start."""

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        places: Mapping[str, object] = {**stores(lab, environment), **database(lab, environment)}
        return server.server(lab, target, render, places)

    def is_statement(self, line: str) -> bool:
        # each setting has a default in the program, so leaving out a line breaks nothing
        return False


DRIVER = AppDriver()
