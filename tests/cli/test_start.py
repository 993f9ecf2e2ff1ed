"""A command imports what it needs: it is typed while somebody waits, at night and on a busy machine."""

import json
import subprocess
import sys

import pytest
import typer.main

from scaling_guide.cli import app, lab
from scaling_guide.cli.deferred import Deferred
from tests.cli.conftest import REPO

LIST = """
import json, sys
before = set(sys.modules)
from scaling_guide.cli import main
sys.argv = ["guide", *{arguments!r}]
try:
    main()
except SystemExit as end:
    code = end.code
sys.stderr.write(json.dumps([code, sorted(set(sys.modules) - before)]))
"""
DEFERRED = {
    name: command
    for each in (app, lab.app)
    for name, command in typer.main.get_group(each).commands.items()
    if isinstance(command, Deferred)
}
HEAVY = (
    "cryptography",
    "psycopg",
    "redis",
    "_pytest",
    "pytest",
    "testinfra",
    "httpx",
    "jinja2",
    "crossplane",
)


def imported(*arguments: str) -> list[str]:
    """The modules that a call of `guide` imports, in a process that has imported nothing."""
    ended = subprocess.run(
        [sys.executable, "-c", LIST.format(arguments=arguments)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    assert code in (0, None)
    found: list[str] = modules
    return found


def packages(modules: list[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_help_imports_no_command() -> None:
    modules = imported("--help")
    ours = {name for name in modules if name.startswith("scaling_guide")}
    assert not {name for name in ours if name.startswith(("scaling_guide.probes", "scaling_guide.systems"))}
    assert {name for name in ours if name.startswith("scaling_guide.cli.")} == {"scaling_guide.cli.deferred"}
    assert packages(modules) & {*HEAVY, "pydantic", "yaml"} == set()


@pytest.mark.parametrize("call", [("runbook", "BackendServerDown"), ("size", "--peak", "1500")])
def test_a_command_that_only_reads_imports_nothing_that_asks_servers(call: tuple[str, ...]) -> None:
    imported(*call)  # what is kept by this one is found by the next
    modules = imported(*call)
    assert packages(modules) & {*HEAVY, "yaml"} == set()
    assert not [
        name for name in modules if name.startswith(("scaling_guide.verify.", "scaling_guide.probes."))
    ]


def test_help_imports_half_of_what_the_commands_import_at_most() -> None:
    places = {entry.place.partition(":")[0] for entry in DEFERRED.values()}
    script = f"import json, sys, {', '.join(sorted(places))}; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert len(imported("--help")) < len(json.loads(ended.stdout)) / 2


@pytest.mark.parametrize("name", DEFERRED)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    listed = DEFERRED[name]
    said = str(listed.load().help).split("\n\n")[0]
    assert " ".join(str(listed.help).split()) == " ".join(said.split())


def test_a_verification_starts_without_what_runs_a_lab() -> None:
    script = "import json, sys, scaling_guide.cli.verify; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert "scaling_guide.lab.lifecycle" not in json.loads(ended.stdout)
