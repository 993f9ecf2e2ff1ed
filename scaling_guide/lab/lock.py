"""The lock of a lab: whoever holds it is answerable for the processes of that lab.

`up` takes it and hands it to the supervisor, which hands it on to the watchdog. So it becomes free only when
the last of them is gone, and with it every server.
"""

import fcntl
import os
import time

from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.waiting import pauses


def take(lab: Lab) -> int | None:
    """The lock as an open file, held until its last copy is closed; None when another process has it."""
    try:
        lock = os.open(lab.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LabError(f"the lab directory {lab.root} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def wait_for(lab: Lab, seconds: float) -> int | None:
    """Like `take`, waiting up to `seconds` for the other process."""
    lock = take(lab)
    for pause in pauses(seconds):
        if lock is not None:
            break
        time.sleep(pause)
        lock = take(lab)
    return lock
