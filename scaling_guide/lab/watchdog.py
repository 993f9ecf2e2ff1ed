"""Ends the servers of a supervisor that died. A program of its own, with the standard library only.

Standard input is a pipe from the supervisor: `+<pgid>` for a process group that runs, `-<pgid>` for one that
has ended. The end of that pipe is the end of the supervisor, whatever killed it: what still runs then gets
SIGTERM, and after a second SIGKILL. The lock of the lab is inherited and so held until all is quiet.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 1.0
POLL_SECONDS = 0.02


def watch(lines: Iterable[str]) -> set[int]:
    """The groups that run when the lines end."""
    running: set[int] = set()
    for line in lines:
        (running.add if line[0] == "+" else running.discard)(int(line[1:]))
    return running


def end(groups: set[int]) -> None:
    """Ask the groups to end, and force those that are left after the grace."""
    deadline = time.monotonic() + GRACE_SECONDS
    left = _signalled(groups, signal.SIGTERM)
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        left = _signalled(left, 0)
    _signalled(left, signal.SIGKILL)


def _signalled(groups: set[int], number: int) -> set[int]:
    """The groups that still had a process to receive the signal."""
    reached = set()
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
            reached.add(group)
    return reached


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(watch(sys.stdin))
