"""How the lab runs its stand-in for a machine."""

from collections.abc import Sequence
from typing import Any

from scaling_guide.lab.driver import Breakage, Driver
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.faults import replaced
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.linux import server
from scaling_guide.systems.linux.probe import PROBES


class LinuxDriver(Driver):
    """A restart applies its files again, as a boot would."""

    # a machine takes its files with it when it dies, and the stand-in cannot
    can_be_killed = False

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        return server.server(lab, target, render)

    def breakages(self, target: Any) -> Sequence[Breakage]:
        return (Breakage("no kernel there", replaced(proc="/nonexistent"), frozenset(PROBES)),)


DRIVER = LinuxDriver()
