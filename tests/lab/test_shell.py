"""A command of a page is run as it stands, bounded, and leaves nothing running."""

import asyncio
import time
from pathlib import Path

import pytest

from scaling_guide.lab import processes, shell
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.shell import Ran
from scaling_guide.lab.waiting import pauses


def ran(command: str, directory: Path, seconds: float = 5.0) -> Ran:
    return asyncio.run(shell.run(command, shell.environ(Lab(7, directory)), directory, seconds))


def is_gone(pid: int) -> bool:
    for pause in pauses(2):
        # process 1 of a container may leave a zombie for long
        if processes.created(pid) is None:
            return True
        time.sleep(pause)
    return False


def test_quotes_pipes_and_lines_reach_bash_untouched(tmp_path: Path) -> None:
    found = ran("echo 'a  b' |\nsed \"s/a/$((1+1))/\"", tmp_path)
    assert (found.exit_code, found.said) == (0, ("2  b",))


def test_the_exit_code_and_the_complaint_are_kept(tmp_path: Path) -> None:
    found = ran("echo no >&2; exit 3", tmp_path)
    assert (found.exit_code, found.said, found.succeeded) == (3, ("no",), False)


def test_it_runs_where_it_is_told_and_for_the_lab_it_is_told(tmp_path: Path) -> None:
    assert ran("pwd; echo $SG_LAB; command -v guide > /dev/null && echo guide", tmp_path).said == (
        str(tmp_path),
        "7",
        "guide",
    )


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    found = ran("sleep 60 & echo $! > pid; wait", tmp_path, seconds=0.3)
    assert (found.exit_code, found.succeeded) == (None, False)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_what_it_put_into_the_background_is_ended(tmp_path: Path) -> None:
    assert ran("sleep 60 & echo $! > pid", tmp_path).succeeded
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    async def interrupted() -> None:
        command = shell.run("echo $$ > pid; sleep 60", shell.environ(Lab(7, tmp_path)), tmp_path, 60)
        running = asyncio.create_task(command)
        for pause in pauses(5):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                break
            await asyncio.sleep(pause)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert is_gone(int((tmp_path / "pid").read_text()))
