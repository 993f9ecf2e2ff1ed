"""Process groups, and children that do not outlive who started them."""

import contextlib
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGKILL, Signals

import psutil

from scaling_guide.lab import watchdog
from scaling_guide.lab.layout import Lab

SAME_START_SECONDS = 1.0

# Runs after setpriv armed the signal. A parent that died before that is told by a changed parent id, so
# no moment is left in which its death goes unnoticed.
_EXEC_IF_PARENT_LIVES = '[ "$PPID" = "$0" ] && exec "$@"'


def orphan_safe(argv: Sequence[str], signal: Signals, user: str | None = None) -> tuple[str, ...]:
    """The same command, made to receive `signal` when the calling process dies, and to run as `user`.

    To be started from the main thread: the kernel watches the thread that forked, not the process. `user` is
    for root only. One `setpriv` does both in the right order: a change of user disarms the signal.
    """
    other = ("--reuid", user, "--regid", _group_of(user), "--clear-groups") if user else ()
    armed = ("setpriv", *other, "--pdeathsig", signal.name.removeprefix("SIG"), "--")
    return (*armed, "sh", "-c", _EXEC_IF_PARENT_LIVES, str(os.getpid()), *argv)


def ordinary_user(*names: str) -> str | None:
    """The first of these system users that exists, for root to start a server as; None for any other user.

    Raises LookupError where root finds none of them.
    """
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in names:
        if name in known:
            return name
    raise LookupError(f"there is no system user {' or '.join(names)}: is the package installed?")


def _group_of(user: str) -> str:
    return str(pwd.getpwnam(user).pw_gid)


class Watchdog:
    """The process that ends the servers when this one dies. See `watchdog`."""

    def __init__(self, where: Lab, lock_fd: int) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", watchdog.__file__),
            stdin=subprocess.PIPE,
            cwd=where.root,
            pass_fds=(lock_fd,),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()

    def add(self, pgid: int) -> None:
        self._tell(f"+{pgid}\n")

    def remove(self, pgid: int) -> None:
        self._tell(f"-{pgid}\n")

    def close(self) -> None:
        """Let it end what still runs, and wait for that."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        # without a watchdog the servers still have their parent-death signal
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())


def members(pgid: int) -> list[int]:
    """The living processes of a group."""
    return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _is_in(pid, pgid)]


def _is_in(pid: int, pgid: int) -> bool:
    """Whether a process lives, and belongs to this group. A zombie holds nothing and does not count."""
    try:
        return os.getpgid(pid) == pgid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def kill_group(pgid: int) -> None:
    """SIGKILL whatever is left of a group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pgid, SIGKILL)


def kill_group_in(directory: Path, pgid: int) -> None:
    """SIGKILL the processes of a group that work in this directory; its number may be another's by now."""
    for pid in members(pgid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(pid)
            if Path(process.cwd()).is_relative_to(directory):
                process.kill()


def created(pid: int) -> float | None:
    """When the process started, in seconds since the epoch; None when it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.create_time()
    return None


def is_same(pid: int, start: float) -> bool:
    """Whether this is still the process that started then, and not another with its number."""
    now = created(pid)
    return now is not None and abs(now - start) < SAME_START_SECONDS
