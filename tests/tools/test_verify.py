"""tools/verify: the order of `make verify`, its exit code, and that no way out leaves the lab running."""

import os
import subprocess
from pathlib import Path

import pytest

# a signal is to meet the program at one command, and not while it waits for a processor
pytestmark = pytest.mark.quiet

VERIFY = Path(__file__).parents[2] / "tools" / "verify"


class Run:
    """`make verify` with a stub for `guide` that does what a test wants at one command."""

    def __init__(self, directory: Path, at: dict[str, str]) -> None:
        calls = directory / "calls"
        cases = "".join(f'  "{command}") {action} ;;\n' for command, action in at.items())
        guide = directory / "guide"
        guide.write_text(f'#!/bin/sh\necho "$*" >>"$CALLS"\ncase "$*" in\n{cases}esac\n')
        guide.chmod(0o755)
        done = subprocess.run(
            # bash cannot trap what was ignored when it began, as under nohup
            ["env", "--default-signal", str(VERIFY)],
            env={**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "CALLS": str(calls)},
            timeout=20,
        )
        self.exit_code = done.returncode
        self.calls = calls.read_text().splitlines()


def test_lab_up_verify_build_lab_down(tmp_path: Path) -> None:
    run = Run(tmp_path, {})
    assert run.exit_code == 0
    assert run.calls == ["lab up", "verify --env lab", "build", "lab down"]


@pytest.mark.parametrize(
    ("at", "exit_code"),
    [
        ({"lab up": "exit 3"}, 3),
        ({"verify --env lab": "exit 1"}, 1),
        ({"verify --env lab": "exit 10", "build": "exit 7", "lab down": "exit 8"}, 10),
        ({"build": "exit 7", "lab down": "exit 8"}, 7),
        ({"lab down": "exit 8"}, 8),
    ],
)
def test_the_exit_code_is_that_of_the_first_failure(
    tmp_path: Path, at: dict[str, str], exit_code: int
) -> None:
    assert Run(tmp_path, at).exit_code == exit_code


def test_a_drift_is_built_into_the_site_and_the_lab_is_stopped(tmp_path: Path) -> None:
    run = Run(tmp_path, {"verify --env lab": "exit 1"})
    assert run.calls == ["lab up", "verify --env lab", "build", "lab down"]


def test_a_lab_that_does_not_come_up_is_stopped_and_nothing_is_verified(tmp_path: Path) -> None:
    run = Run(tmp_path, {"lab up": "exit 3"})
    assert run.calls == ["lab up", "lab down"]


@pytest.mark.parametrize(("signal", "exit_code"), [("HUP", 129), ("INT", 130), ("TERM", 143)])
@pytest.mark.parametrize("during", ["lab up", "verify --env lab", "build"])
def test_an_interrupted_run_stops_the_lab(tmp_path: Path, during: str, signal: str, exit_code: int) -> None:
    run = Run(tmp_path, {during: f"kill -{signal} $PPID"})
    assert run.exit_code == exit_code
    assert run.calls[-2:] == [during, "lab down"]


def test_a_second_interrupt_does_not_stop_the_stopping(tmp_path: Path) -> None:
    run = Run(
        tmp_path,
        {"verify --env lab": "kill -INT $PPID", "lab down": 'kill -INT $PPID $$; echo stopped >>"$CALLS"'},
    )
    assert run.exit_code == 130
    assert run.calls[-2:] == ["lab down", "stopped"]
