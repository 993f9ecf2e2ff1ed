"""The lab's host: files in the form of `/proc` and `/sys`, kept by `scaling_guide.systems.linux.host`."""

import sys

from scaling_guide.lab import files
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.systems.linux import host
from scaling_guide.systems.linux.target import LinuxTarget


def server(lab: Lab, target: LinuxTarget, render: Render) -> Server:
    """The stand-in for the machine that this target describes; a restart applies its files again."""
    directory = lab.directory(target.id)

    def prepare() -> None:
        files.write(directory, render())

    async def ready(pid: int) -> str | None:
        applied = directory / host.APPLIED
        by = applied.read_text().strip() if applied.exists() else ""
        return None if by == str(pid) else "its settings are not applied"

    return Server(
        name=target.id,
        argv=(sys.executable, "-m", host.__name__, str(directory)),
        env={"PYTHONPATH": str(lab.repo)},
        prepare=prepare,
        ready=ready,
    )
