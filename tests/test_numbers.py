"""Two runs of the tests side by side never have the same lab number; what a killed one left is taken over."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import lab
from tests import numbers

REPO = Path(__file__).parents[1]
NUMBER = numbers.own().number
# under another name in the kernel, so that only these tests compete for the number
NAME = "scaling-guide-test-of-numbers"
ANOTHER_RUN = f"""
import signal
from scaling_guide.lab import lifecycle
from tests import numbers
numbers.NUMBERS, numbers.NAME = range({NUMBER}, {NUMBER + 1}), {NAME!r}
with numbers.own_number() as where:
    lifecycle.up(where.number, fleet="tests.lab.fleets:light")
    print("up", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _one_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "NUMBERS", range(NUMBER, NUMBER + 1))
    monkeypatch.setattr(numbers, "NAME", NAME)


@pytest.fixture
def another_run() -> Iterator[subprocess.Popen[str]]:
    """A run of the tests that has a lab up."""
    program = (sys.executable, "-c", ANOTHER_RUN)
    with subprocess.Popen(program, cwd=REPO, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "up\n"
        yield run
        run.kill()


@pytest.mark.usefixtures("another_run")
def test_a_number_in_use_is_not_given_again() -> None:
    with pytest.raises(RuntimeError, match="is in use"):
        numbers.claim()
    assert lifecycle.status(NUMBER).is_ready


def test_a_lab_that_a_killed_run_left_is_ended_and_its_number_free(
    another_run: subprocess.Popen[str],
) -> None:
    another_run.kill()
    another_run.wait()
    assert lifecycle.status(NUMBER).is_ready
    with numbers.own_number() as where:
        assert where.number == NUMBER
        assert lifecycle.status(NUMBER).phase == "down"
        assert sorted(path.name for path in where.root.iterdir()) == ["logs"]
    assert not where.root.exists()


def test_the_lab_of_a_person_is_left_alone() -> None:
    where = lab(NUMBER)
    try:
        lifecycle.up(NUMBER, fleet="tests.lab.fleets:light")
        with pytest.raises(RuntimeError, match="is in use"):
            numbers.claim()
        assert lifecycle.status(NUMBER).is_ready
    finally:
        lifecycle.down(NUMBER)
        shutil.rmtree(where.root)


def test_a_port_is_given_once_and_never_a_taken_one() -> None:
    host = f"{numbers.own().net}.62"
    first = numbers.free_port(host)
    with socket.create_server((host, first + 1)):
        assert numbers.free_port(host) == first + 2
