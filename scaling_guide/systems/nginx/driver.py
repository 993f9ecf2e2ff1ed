"""How the lab runs Nginx and changes what it runs."""

from pathlib import Path
from typing import Any

from scaling_guide.lab.driver import Driver, Subject
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.nginx import server
from scaling_guide.systems.nginx.target import NginxTarget


class NginxDriver(Driver):
    """A reload is confirmed by new workers, a refusal by the error log."""

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        needs = tuple(each.id for each in environment.apps)
        return server.server(lab, target, environment.site, render, needs)

    def is_statement(self, line: str) -> bool:
        text = line.partition(" # ")[0].strip()
        return text.endswith(";") and text[0] not in "'}#" and not text.startswith("pid ")

    async def apply(self, subject: Subject) -> None:
        assert isinstance(subject.target, NginxTarget)
        await server.reloaded(subject.pid, Path(subject.target.logs) / "nginx-error.log")


DRIVER = NginxDriver()
