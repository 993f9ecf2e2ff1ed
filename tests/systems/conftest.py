"""Servers of a running lab, as the environment `lab` describes them."""

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from signal import SIGKILL
from typing import TypeVar

from scaling_guide.lab import lifecycle, processes
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.waiting import pauses
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import load
from scaling_guide.model.target import Target

# a lab of the tests for servers that are started alone, and what runs the commands of a reader
from tests.lab.conftest import where
from tests.render.commands.conftest import here, run, shell, tools

__all__ = ["here", "run", "shell", "tools", "where"]

T = TypeVar("T", bound=Target)


@cache
def environment_of(lab: Lab) -> Environment:
    """The environment `lab` at the addresses and in the directory of this one."""
    return load(lab.repo / "data", lab.variables).environments["lab"]


def target_of(lab: Lab, name: str, kind: type[T]) -> T:
    """What the environment says of a server."""
    found = environment_of(lab).targets[name]
    assert isinstance(found, kind)
    return found


def pid_of(lab: Lab, name: str) -> int:
    """The process that the lab started for a server."""
    pid = lifecycle.status(lab.number).servers[name].pid
    assert pid is not None
    return pid


def user_of(*names: str) -> str:
    """Whom a server runs as: the first of these system users under root, and else the one who started it."""
    return processes.ordinary_user(*names) or getpass.getuser()


def change(path: Path, old: str, new: str) -> None:
    """Put `new` in place of `old` in a file; the server is told nothing of it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """A file with `new` in place of `old`, and afterwards as it was."""
    text = path.read_text()
    change(path, old, new)
    try:
        yield
    finally:
        path.write_text(text)


def kill(lab: Lab, name: str) -> int:
    """Kill a server as a lack of memory does, and return which process it was once the lab has noticed."""
    pid = pid_of(lab, name)
    os.kill(pid, SIGKILL)
    for pause in pauses(10):
        found = lifecycle.status(lab.number).servers[name]
        if found.state == "crashed":
            break
        time.sleep(pause)
    assert (found.state, found.detail) == ("crashed", "was ended by SIGKILL")
    return pid
