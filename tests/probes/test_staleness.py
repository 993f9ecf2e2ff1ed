"""A process is older than a file only beyond doubt, and then at once."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaling_guide.probes import staleness
from scaling_guide.probes.observation import Malformed
from scaling_guide.probes.staleness import CHANGES, CLOCK, clock, newest_change, start_ticks
from scaling_guide.probes.transport import ask

STAT = "812 (a (b) c) S 1 812 812 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0"
# so much later than a process that even a busy host has no doubt, in seconds
LATER = 5.0


@contextmanager
def _process() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _older(pid: int, file: Path) -> bool:
    questions = {
        "files": f"printf '%s\\n' '{file}' | {CHANGES}",
        "process": f"cat /proc/{pid}/stat",
        "clock": CLOCK,
    }
    answers = ask("local://", questions, 5)
    now = clock(answers["clock"].stdout)
    return now.started_before(start_ticks(answers["process"].stdout), newest_change(answers["files"].stdout))


def _write_later(file: Path) -> None:
    """Write the file as if it were a little later."""
    moment = time.time() + LATER
    os.utime(file, (moment, moment))


def test_a_process_started_right_after_the_file_was_written_is_not_older(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    for _ in range(15):
        file.write_text("x")
        with _process() as pid:
            assert not _older(pid, file)


def test_a_process_is_older_as_soon_as_the_file_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    for _ in range(3):
        file.write_text("x")
        with _process() as pid:
            _write_later(file)
            assert _older(pid, file)


def test_a_copy_that_was_kept_and_is_moved_back_has_changed(tmp_path: Path) -> None:
    kept, file = tmp_path / "kept", tmp_path / "conf"
    kept.write_text("old")
    file.write_text("new")
    os.utime(kept, (1, 1))
    kept.rename(file)
    assert _older(os.getpid(), file)


def test_a_link_that_leads_elsewhere_has_changed(tmp_path: Path) -> None:
    link = tmp_path / "enabled"
    link.symlink_to("/etc/passwd")
    os.utime(link, (1, 1), follow_symlinks=False)
    assert _older(os.getpid(), link)
    assert not _older(os.getpid(), Path("/etc/passwd"))


def test_a_file_that_is_touched_through_a_link_has_changed(tmp_path: Path) -> None:
    file, link = tmp_path / "available", tmp_path / "enabled"
    file.write_text("1")
    link.symlink_to(file)
    with _process() as pid:
        _write_later(file)
        assert _older(pid, link)


def _at(ticks: int, first: str, second: str) -> staleness.Clock:
    return clock(f"{first}\n{STAT.format(ticks=ticks)}\n{second}\n")


@pytest.mark.parametrize(
    ("changed", "older"), [("1000.010 1000.010", False), ("1000.020 1", False), ("1000.050 1", True)]
)
def test_the_time_that_looking_takes_is_in_favour_of_the_process(changed: str, older: bool) -> None:
    now = _at(5000, "1010.000", "1010.010")
    assert now.started_before(4000, newest_change(changed)) is older


@pytest.mark.parametrize(
    ("first", "second"), [("1010.", "1010."), ("1010.N", "1010.N"), ("1010.%N", "1010.%N")]
)
def test_a_host_that_knows_whole_seconds_only_doubts_within_a_second(first: str, second: str) -> None:
    now = _at(5000, first, second)
    assert not now.started_before(4000, newest_change("1001 1001"))
    assert now.started_before(4000, newest_change("1002 1002"))


def test_the_age_of_a_process_does_not_depend_on_what_it_calls_itself() -> None:
    assert _at(5000, "1.0", "1.0").age(start_ticks(STAT.format(ticks=4750))) == 2.5


@pytest.mark.parametrize("text", ["", "1010.0\n", "1010.0\nsome error\n1010.0\n", "never\n1 (a) S\nnever\n"])
def test_a_clock_that_cannot_be_read_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        clock(text)


@pytest.mark.parametrize("text", ["", "\n", "stat: cannot statx"])
def test_files_without_a_time_are_malformed_and_not_unchanged(text: str) -> None:
    with pytest.raises(Malformed):
        newest_change(text)
