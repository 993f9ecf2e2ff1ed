import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from scaling_guide.lab import processes
from scaling_guide.lab.waiting import pauses

SLEEP = ("sleep", "60")


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a group of its own."""
    with subprocess.Popen(SLEEP, process_group=0, cwd=tmp_path) as process:
        yield process
        process.kill()


def ended(pid: int, seconds: float = 5) -> bool:
    """Whether the process has ended when it had that much time."""
    for pause in pauses(seconds):
        if processes.created(pid) is None:
            return True
        time.sleep(pause)
    return False


def test_a_group_has_its_members_until_they_end(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.members(sleeper.pid) == [sleeper.pid]
    processes.kill_group(sleeper.pid)
    assert ended(sleeper.pid)
    # not waited for yet, so a zombie
    assert processes.members(sleeper.pid) == []


def test_a_group_that_is_gone_can_be_killed_again(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    processes.kill_group(sleeper.pid)


def test_only_processes_that_work_in_the_directory_are_killed(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    processes.kill_group_in(elsewhere, sleeper.pid)
    assert sleeper.poll() is None
    processes.kill_group_in(tmp_path, sleeper.pid)
    assert sleeper.wait(5) == -SIGKILL


def test_a_process_is_told_from_another_with_its_number(sleeper: subprocess.Popen[bytes]) -> None:
    start = processes.created(sleeper.pid)
    assert start is not None
    assert processes.is_same(sleeper.pid, start)
    assert not processes.is_same(sleeper.pid, start - 60)


def test_a_process_that_is_gone_is_never_the_same(sleeper: subprocess.Popen[bytes]) -> None:
    start = processes.created(sleeper.pid)
    assert start is not None
    sleeper.kill()
    sleeper.wait()
    assert not processes.is_same(sleeper.pid, start)


def test_an_orphan_safe_child_is_the_program_itself() -> None:
    command = processes.orphan_safe(("sh", "-c", 'echo $$ "$1"', "sh", "two words"), SIGTERM)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate()
    assert output == f"{process.pid} two words\n"


def test_an_orphan_safe_child_ends_with_its_parent() -> None:
    parent = (
        "import subprocess, signal, sys; from scaling_guide.lab.processes import orphan_safe;"
        "child = subprocess.Popen(orphan_safe(('sleep', '60'), signal.SIGTERM));"
        "print(child.pid, flush=True); signal.pause()"
    )
    with subprocess.Popen((sys.executable, "-c", parent), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert processes.created(child) is not None
        process.kill()
    assert ended(child)


def test_a_child_whose_parent_died_before_it_could_watch_never_runs(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    command = processes.orphan_safe(("touch", str(proof)), SIGTERM)
    # started by the shell, this process is not the parent
    subprocess.run(("sh", "-c", '"$@"; true', "sh", *command), check=True)
    assert not proof.exists()
    subprocess.run(processes.orphan_safe(("touch", str(proof)), SIGTERM), check=True)
    assert proof.exists()


def test_the_wait_in_these_tests_notices_a_process_that_lives() -> None:
    assert not ended(os.getpid(), 0.02)
