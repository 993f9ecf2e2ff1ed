"""Local processes with a deadline, a limit to what they may print, and nothing left of them afterwards."""

import atexit
import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO
from weakref import WeakSet

from scaling_guide.probes.observation import Malformed, Timeout

LONGEST_ANSWER = 16 * 2**20
"""How many bytes of an answer are kept at most; one that is longer is refused."""
LONGEST_COMPLAINT = 64 * 2**10
"""How many bytes of standard error are kept; the rest is read and dropped."""

_BLOCK = 65536
_running: WeakSet[subprocess.Popen[bytes]] = WeakSet()


def run_line(name: str, line: str, ends: float) -> tuple[int, str, str]:
    """Run a shell line. Returns its exit code, standard output and standard error.

    It runs in a session of its own, so that all it starts can be killed at `ends`, a time of the monotonic
    clock. Raises Timeout then, and Malformed for an answer that is too long; `name` begins the message.
    """
    process = subprocess.Popen(
        line.encode(),
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _running.add(process)
    try:
        out, err = _read(name, process, ends)
        code = process.wait(max(0.0, ends - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise Timeout(f"{name}: no complete answer before the deadline") from None
    finally:
        _kill(process)
    return code, out.decode(errors="replace"), err.decode(errors="replace")


def _read(name: str, process: subprocess.Popen[bytes], ends: float) -> tuple[bytearray, bytearray]:
    """Both outputs until they close. Raises TimeoutError, and Malformed for an answer that is too long."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            left = ends - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                part = os.read(key.fd, _BLOCK)
                if not part:
                    selector.unregister(key.fileobj)
                elif key.data is out:
                    out += part
                elif len(err) < LONGEST_COMPLAINT:
                    err += part
            if len(out) > LONGEST_ANSWER:
                raise Malformed(f"{name}: the answer does not end after {LONGEST_ANSWER:,} bytes")
    return out, err


@atexit.register
def _kill_all() -> None:
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all its descendants that kept its group, if it still runs; close its pipes."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # one that waits for a dead disk cannot be killed, and is not waited for
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    pipes: tuple[IO[bytes] | None, ...] = (process.stdout, process.stderr)
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
