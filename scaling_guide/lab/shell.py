"""Commands run as they stand on a page: by bash, bounded, with nothing left running afterwards."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from scaling_guide.lab.layout import Lab

LINES_KEPT = 12


@dataclass(frozen=True)
class Ran:
    """A command that has ended. `exit_code` is None where its time was over; `said` are its last lines."""

    exit_code: int | None
    seconds: float
    said: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


def environ(lab: Lab) -> Mapping[str, str]:
    """The caller's environment, made to find this project's commands and this lab."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path, "SG_LAB": str(lab.number)}


async def run(command: str, environ: Mapping[str, str], directory: Path, seconds: float) -> Ran:
    """Run `command`, at most `seconds`, and end whatever of it is left then."""
    begun, code = time.monotonic(), None
    # a file and not a pipe, which something left in the background would hold open
    with TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=directory,
            env=environ,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    return Ran(code, round(time.monotonic() - begun, 3), tuple(lines[-LINES_KEPT:]))
