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
    _signal(groups, signal.SIGTERM)
    while groups & living().keys() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _signal(groups & living().keys(), signal.SIGKILL)


def living() -> dict[int, list[int]]:
    """Every process group with its living processes. A zombie holds nothing and does not count."""
    groups: dict[int, list[int]] = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        # a process may end between the two looks
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat") as stat:
            # the name in parentheses may hold anything; after it come state, parent and group
            state, _, group = stat.read().rpartition(")")[2].split()[:3]
            if state != "Z":
                groups.setdefault(int(group), []).append(int(pid))
    return groups


def _signal(groups: set[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(watch(sys.stdin))
