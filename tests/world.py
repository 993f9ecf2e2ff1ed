"""An environment that is as documented, except for what a test changes in it. Nothing is contacted."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import Target
from scaling_guide.probes import observe
from scaling_guide.probes.observation import CannotObserve, Found
from scaling_guide.probes.probe import Over, Probe
from tests.verify.observations import documented, guide

Seen = Mapping[tuple[str, str], Mapping[str, Any]]


class World:
    """What the probes see, and what they were asked for.

    `changes` maps (target, setting) to another value than the documented one, `moments` does so for the first
    look of each probe only, and `dead` maps a target to what every look at it raises.
    """

    def __init__(self) -> None:
        self.looks: list[tuple[str, str]] = []
        self.changes: dict[tuple[str, str], Any] = {}
        self.moments: dict[tuple[str, str], Any] = {}
        self.dead: dict[str, CannotObserve] = {}
        self._lock = threading.Lock()
        self._known: dict[str, Seen] = {}

    def _documented(self, environment: Environment) -> Seen:
        key = environment.model_dump_json()
        with self._lock:
            if key not in self._known:
                self._known[key] = documented(environment)
            return self._known[key]

    def probe(self, probe: str) -> Callable[[Environment, Target, float], Found]:
        def look(environment: Environment, target: Target, deadline: float) -> Found:
            first = (probe, target.id) not in self.looks
            self.looks.append((probe, target.id))
            if target.id in self.dead:
                raise self.dead[target.id]
            seen = self._documented(environment)[probe, target.id]
            changes = {**self.changes, **(self.moments if first else {})}
            other = {setting: value for (name, setting), value in changes.items() if name == target.id}
            return target.version, {setting: other.get(setting, value) for setting, value in seen.items()}

        return look


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """In place of every real probe."""
    # so that what takes long is known before a probe's time runs
    documented(guide().environments["lab"])
    made = World()

    def probe(name: str, system: str | None = None) -> Probe:
        return replace(real(name, system), look=made.probe(name), over=Over.NOTHING)

    real = observe.probe
    monkeypatch.setattr(observe, "probe", probe)
    return made
