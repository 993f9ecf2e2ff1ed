"""What a measurement is made with: a lab that is up, tools that make load, and a note of all that was run."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from types import MappingProxyType

import psutil

from scaling_guide.lab import lifecycle, ports, processes, waiting
from scaling_guide.lab.layout import Lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.target import Target

TOOL_SECONDS = 30.0
START_SECONDS = 5.0
LINES_SHOWN = 5
SCRATCH = "measure"

Sample = Mapping[str, float]
"""One figure for each metric."""

Take = Callable[[str], Sample]
"""Runs a variant, by its name, once."""


class NotMeasured(Exception):
    """Why a measurement was not begun, or not brought to an end."""


@dataclass
class Rig:
    """The lab as a measurement sees it.

    `noted` are the commands since it was last emptied, as a reader may see them: servers by name in place of
    their addresses, `$LAB` for the lab's directory. `scripts` are the files that commands read, `used` the
    servers that took part. What is put on `undo` is done when the measurement is over, whatever came of it.
    `load` is how many tasks the machine was busy with before anything of this began.
    """

    environment: Environment
    lab: Lab
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    noted: list[str] = field(default_factory=list)
    scripts: dict[str, str] = field(default_factory=dict)
    used: dict[str, Target] = field(default_factory=dict)
    undo: ExitStack = field(default_factory=ExitStack)

    @property
    def scratch(self) -> Path:
        """Where tools are run, and where they may leave files."""
        directory = self.lab.directory(SCRATCH)
        directory.mkdir(mode=0o700, exist_ok=True)
        return directory

    def target(self, name: str) -> Target:
        """A server of the lab; its version will stand beside the figures."""
        self.used[name] = self.environment.targets[name]
        return self.used[name]

    def script(self, name: str, text: str) -> str:
        """Write a file for a tool to read. Returns the name under which a command finds it."""
        (self.scratch / name).write_text(text)
        self.scripts[name] = self.shown(text)
        return name

    def run(
        self,
        *argv: str,
        seconds: float = TOOL_SECONDS,
        environ: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """What a tool said. `environ` adds variables that the reader of the figures does not see.

        Raises NotMeasured where the tool fails or takes longer.
        """
        self.noted.append(self.shown(shlex.join((Path(argv[0]).name, *argv[1:]))))
        around = {**os.environ, "LC_ALL": "C.UTF-8", **environ}
        try:
            done = subprocess.run(
                # an interrupt may come before Python knows the child
                processes.orphan_safe(argv, SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                cwd=self.scratch,
                env=around,
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"`{self.noted[-1]}` took longer than {seconds:g} s") from None
        if done.returncode:
            said = " / ".join(done.stdout.strip().splitlines()[-LINES_SHOWN:])
            raise NotMeasured(f"`{self.noted[-1]}` ended with {done.returncode}: {self.shown(said)}")
        return done.stdout

    def serve(self, address: str, port: int, *argv: str) -> None:
        """Start a server of the measurement's own. Raises NotMeasured where none listens."""
        self.noted.append(self.shown(shlex.join(argv)))
        server = subprocess.Popen(
            processes.orphan_safe(argv, SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.scratch,
        )
        self.undo.callback(server.wait, TOOL_SECONDS)
        self.undo.callback(server.terminate)
        for pause in waiting.pauses(START_SECONDS):
            if server.poll() is not None:
                break
            if ports.Bind(address, port) in ports.listened([server.pid]):
                return
            time.sleep(pause)
        raise NotMeasured(f"`{self.noted[-1]}` does not listen")

    def processor(self, *servers: str) -> float:
        """Seconds of processor time that the living processes of these servers have used so far."""
        known = lifecycle.status(self.lab.number).servers
        seconds = 0.0
        for server in servers:
            pid = known[server].pid
            if pid is None:
                raise NotMeasured(f"{server} does not run")
            program = psutil.Process(pid)
            for process in (program, *program.children(recursive=True)):
                # one may end meanwhile
                with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                    seconds += _processor(process.pid)
        return seconds

    def order(self, operation: str, server: str) -> None:
        """Have the lab `reload`, `restart`, `stop` or `start` a server. Raises LabError."""
        self.noted.append(f"guide lab {operation} {server}")
        lifecycle.command(operation, server, self.lab.number)

    def shown(self, text: str) -> str:
        """A text without what is this lab's alone."""
        names = {target.address: name for name, target in self.environment.targets.items()}
        pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        text = text.replace(str(self.lab.root), "$LAB")
        return re.sub(rf"(?<![\d.])(?:{pattern})(?![\d.])", lambda found: names[found[0]], text)


def _processor(pid: int) -> float:
    """Seconds of processor time of all threads, in nanoseconds where the usual times are in hundredths."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


Prepare = Callable[[Rig], Take]
"""Brings about what all variants need, and gives what runs one of them; `rig.undo` puts everything back."""
