"""Commands rendered for an environment of the examples, and a shell that finds stand-ins first."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import examine, load
from scaling_guide.model.runbooks import Safety, Step
from scaling_guide.render.commands import Situation, render, situation
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.nginx.target import NginxTarget

DATA = Path(__file__).parents[3] / "data"
FOUND, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"})
assert FOUND is not None
GUIDE = FOUND
PHASES = ("preconditions", "mitigate", "verify", "roll_back")


def of(
    environment: str | Environment = "production", runbook: str = "drain-and-replace-backend"
) -> Situation:
    place = GUIDE.environments[environment] if isinstance(environment, str) else environment
    return situation(GUIDE, place, GUIDE.runbooks[runbook])


def step(run: str, system: str | tuple[str, ...] | None = None, **more: str) -> Step:
    return Step(do="Do it.", run=run, safety=Safety.REVERSIBLE, system=system, **more)


class Tools:
    """A directory of stand-ins for programs, and bash that finds them first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def add(self, name: str, script: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, command: str) -> int:
        """The exit code of `command`."""
        environ = {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-c", command], env=environ, capture_output=True, timeout=20
        ).returncode


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


Run = Callable[[str], int]


@pytest.fixture
def run(live: Lab, tools: Tools) -> Run:
    """Renders a template for the running lab, and runs it as its reader would."""
    guide = load(live.repo / "data", live.variables)
    found = situation(guide, guide.environments["lab"], next(iter(guide.runbooks.values())))
    return lambda template: tools.run(render(template, found))


@pytest.fixture
def here(tmp_path: Path) -> Environment:
    """The example environment with its load balancers' files below `tmp_path`."""
    place = GUIDE.environments["production"]
    paths = {
        "config": f"{tmp_path}/config",
        "directory": str(tmp_path),
        "certificate": f"{tmp_path}/site.pem",
        "trust": f"{tmp_path}/ca/ca.pem",
        "address": "127.0.0.1",
        "https": 1,
    }
    nginx = next(target for target in place.targets.values() if isinstance(target, NginxTarget))
    haproxy = next(target for target in place.targets.values() if isinstance(target, HaproxyTarget))
    pid_file = {"pid_file": f"{tmp_path}/nginx.pid"}
    changed = {
        "nginx": nginx.model_copy(update={**paths, **pid_file}),
        "haproxy": haproxy.model_copy(update=paths),
    }
    (tmp_path / "nginx.pid").write_text("77\n")
    return place.model_copy(
        update={"targets": {**place.targets, nginx.id: changed["nginx"], haproxy.id: changed["haproxy"]}}
    )


Shell = Callable[[str, str], str]


@pytest.fixture
def shell(here: Environment) -> Shell:
    """Renders a template for the load balancer of a system in `here`."""
    return lambda template, system: render(template, of(here), here.of(system)[0])
