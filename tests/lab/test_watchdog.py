import subprocess
import sys
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from scaling_guide.lab import watchdog

STUBBORN = "trap '' TERM; echo ready; sleep 60 & wait; wait"


def group(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command, process_group=0, stdout=subprocess.PIPE, text=True)


def running() -> subprocess.Popen[str]:
    program = (sys.executable, "-I", "-S", watchdog.__file__)
    return subprocess.Popen(program, stdin=subprocess.PIPE, text=True, start_new_session=True)


def end_of_pipe(process: subprocess.Popen[str], text: str = "") -> None:
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()


def test_groups_that_ended_are_forgotten() -> None:
    assert watchdog.watch(["+10\n", "+11\n", "-10\n", "+12\n"]) == {11, 12}


def test_the_end_of_the_pipe_ends_the_groups() -> None:
    with running() as process, group("sleep", "60") as first, group("sleep", "60") as spared:
        end_of_pipe(process, f"+{first.pid}\n+{spared.pid}\n-{spared.pid}\n")
        assert first.wait(5) == -SIGTERM
        assert process.wait(5) == 0
        assert spared.poll() is None
        spared.kill()


def test_a_group_that_does_not_end_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE_SECONDS", 0.1)
    with group("sh", "-c", STUBBORN) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        watchdog.end({stubborn.pid})
        assert stubborn.wait(5) == -SIGKILL


def test_a_group_that_is_gone_is_no_trouble() -> None:
    with group("true") as process:
        process.wait(5)
    watchdog.end({process.pid})


def test_signals_do_not_end_it_before_the_pipe_does() -> None:
    with running() as process, group("sleep", "60") as guarded:
        assert process.stdin is not None
        process.stdin.write(f"+{guarded.pid}\n")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        for number in (SIGINT, SIGTERM):
            process.send_signal(number)
        assert guarded.poll() is None
        end_of_pipe(process)
        assert guarded.wait(5) == -SIGTERM
        assert process.wait(5) == 0
