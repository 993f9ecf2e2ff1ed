"""Ctrl-C ends the program in one line and with 130, while it still imports and at any moment after that."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import REPO

GUIDE = str(Path(sys.executable).with_name("guide"))
IMPORTING = """
import os, signal, sys
from importlib.abc import MetaPathFinder
class Interrupting(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["guide", "validate"]
from scaling_guide.start import main
main()
"""


def ended(code: int, text: str) -> tuple[int, str]:
    assert "Traceback" not in text
    return code, text


@pytest.mark.parametrize(
    "module",
    ["scaling_guide.cli", "typer", "pydantic", "scaling_guide.model.load", "scaling_guide.systems.nginx"],
)
def test_it_ends_in_one_line_while_modules_are_imported(module: str) -> None:
    program = IMPORTING.format(module=module)
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True)
    assert ended(done.returncode, done.stdout + done.stderr) == (130, "interrupted\n")


@pytest.mark.quiet
@pytest.mark.parametrize("call", ["validate"])
@pytest.mark.parametrize("seconds", [0.3, 0.5])
def test_it_ends_in_one_line_at_any_moment(call: str, seconds: float) -> None:
    arguments = call.split()
    running = subprocess.Popen(
        [GUIDE, *arguments], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    text, _ = running.communicate(timeout=60)
    assert "Traceback" not in text
    # 0: it was done before the signal came
    if running.returncode != 0:
        assert running.returncode == 130, text
        assert text.splitlines()[-1].startswith("interrupted")
