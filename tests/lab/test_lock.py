import os
import subprocess
import threading
from pathlib import Path

import pytest

from scaling_guide.lab import lock
from scaling_guide.lab.layout import Lab, LabError


@pytest.fixture
def where(tmp_path: Path) -> Lab:
    return Lab(77, tmp_path)


def test_the_lock_is_taken_once(where: Lab) -> None:
    held = lock.take(where)
    assert held is not None
    assert lock.take(where) is None
    os.close(held)
    again = lock.take(where)
    assert again is not None
    os.close(again)


def test_the_lock_is_held_until_the_last_process_that_has_it_ends(where: Lab) -> None:
    held = lock.take(where)
    assert held is not None
    with subprocess.Popen(("sleep", "60"), pass_fds=(held,)) as heir:
        os.close(held)
        assert lock.take(where) is None
        heir.kill()
        heir.wait()
        again = lock.take(where)
        assert again is not None
        os.close(again)


def test_waiting_gets_the_lock_when_it_becomes_free(where: Lab) -> None:
    held = lock.take(where)
    assert held is not None
    threading.Timer(0.05, os.close, (held,)).start()
    again = lock.wait_for(where, 5)
    assert again is not None
    os.close(again)


def test_waiting_ends(where: Lab) -> None:
    held = lock.take(where)
    assert held is not None
    assert lock.wait_for(where, 0.05) is None
    os.close(held)


def test_a_directory_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"gone cannot be used: No such file or directory"):
        lock.take(Lab(77, tmp_path / "gone"))
