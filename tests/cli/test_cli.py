"""Every command explains itself, and no way of calling one ends in a traceback."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from scaling_guide.cli import app
from scaling_guide.cli.deferred import Deferred
from tests.cli.conftest import REPO, Guide

COMMANDS = [
    "bench",
    "build",
    "explain",
    "incident-pack",
    "incident-pack",
    "lab",
    "lab down",
    "lab issue-certificate",
    "lab mutate",
    "lab rehearse",
    "lab reload",
    "lab restart",
    "lab start",
    "lab status",
    "lab stop",
    "lab up",
    "runbook",
    "size",
    "validate",
    "verify",
]


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, listed in group.commands.items():
        command = listed.load() if isinstance(listed, Deferred) else listed
        yield " ".join((*before, name)), command
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))


EVERY = dict(sorted(commands(typer.main.get_command(app))))


def test_no_command_goes_away_that_people_type() -> None:
    assert set(COMMANDS) - EVERY.keys() == set()


@pytest.mark.parametrize("name", EVERY)
def test_every_command_says_what_it_does_and_what_each_option_means(guide: Guide, name: str) -> None:
    ended = guide(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    command = EVERY[name]
    first = str(command.help).split("\n\n")[0]
    assert first.endswith(".")
    assert len(first.split()) >= 5
    assert re.sub(r"[\s`]+", " ", first) in re.sub(r"[\s`]+", " ", ended.out)
    unexplained = [param.name for param in command.params if not param.help]
    assert unexplained == []


def test_without_a_command_the_guide_shows_what_there_is(guide: Guide) -> None:
    ended = guide()
    assert (ended.code, ended.err) == (0, "")
    assert "guide lab up" in ended.out
    top = [name for name in EVERY if " " not in name]
    assert [name for name in top if not re.search(rf"│ {name} ", ended.out)] == []


@pytest.mark.parametrize(
    "call",
    [
        "nonsense",
        "lab nonsense",
        "verify",
        "verify --env lab --nonsense",
        "verify --env lab --retries many",
        "verify --env lab --lab 999",
        "explain",
        "explain no-such-fact",
        "explain haproxy-check-fall --env nowhere",
        "explain haproxy-check-fall --lab 0",
        "runbook",
        "runbook NoSuchAlert",
        "size",
        "size --peak 0",
        "size --peak 99999999",
        "incident-pack --env nowhere",
        "lab up --tier gigantic --lab 300",
        "lab rehearse no-such-runbook",
    ],
)
def test_a_call_that_makes_no_sense_ends_with_4_and_without_a_traceback(guide: Guide, call: str) -> None:
    ended = guide(*call.split())
    assert ended.code == 4
    assert ended.err
    assert "Traceback" not in ended.text


@pytest.mark.parametrize(
    "call",
    ["validate", "verify --env lab", "explain haproxy-check-fall", "build", "size --peak 9", "incident-pack"],
)
def test_outside_of_a_checkout_a_command_says_what_it_looks_for(
    guide: Guide, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = guide(*call.split())
    assert ended.code == 4
    assert "no data/guide.yml here or above" in ended.err


def test_a_command_finds_the_checkout_from_below_it(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO / "data" / "topics")
    assert guide("explain", "haproxy-check-fall").code == 0


def mentioned() -> Iterator[tuple[str, str]]:
    """Every `guide ...` that a file shows as a command, with the file."""
    places = [REPO / "README.md", REPO / "Makefile", *(REPO / "tools").iterdir()]
    places += [*(REPO / "docs").rglob("*.md"), *(REPO / "data").rglob("*.yml")]
    code = re.compile(r"(?:`|^\t|^ *|step |: |&& )guide ((?:lab )?[a-z][a-z-]*)(?=$|[ `])", re.MULTILINE)
    for path in places:
        text = path.read_text("utf-8")
        if path.suffix == ".md":
            text = "\n".join(re.findall(r"```sh\n.*?```|`[^`\n]+`", text, re.DOTALL))
        for found in code.finditer(text):
            yield path.relative_to(REPO).as_posix(), found[1]


def test_every_command_that_is_written_anywhere_exists() -> None:
    named = set(mentioned())
    assert {"README.md", "Makefile", "tools/verify", "data/environments/lab.yml"} <= {
        path for path, _ in named
    }
    assert sorted(f"{path}: guide {command}" for path, command in named if command not in EVERY) == []


# ---------------------------------------------------------------------------------------------------- colour


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """What `guide` writes to a terminal."""
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-c", "from scaling_guide.cli import main; main()", *arguments]
    subprocess.run(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=REPO,
        env={**environ, "TERM": "xterm-256color", **variables},
        timeout=60,
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 65536):
            written += part
    except OSError:
        pass  # how Linux tells the end of a terminal
    os.close(ours)
    return written.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


def test_colour_is_for_terminals_whose_user_wants_it(guide: Guide) -> None:
    assert COLOUR.search(on_a_terminal("runbook", "nonsense", "--nonsense"))
    assert not COLOUR.search(on_a_terminal("runbook", "nonsense", "--nonsense", NO_COLOR="1"))
    assert "\x1b" not in guide("runbook", "nonsense", "--nonsense").text
    assert "\x1b" not in guide("explain", "haproxy-check-fall").text
