"""An environment that is as documented, except for what a test changes in it. Nothing is contacted."""

from collections.abc import Callable
from typing import Any

import pytest

from scaling_guide.model.environments import Environment, Target
from scaling_guide.model.record import Probe
from scaling_guide.probes import observe
from scaling_guide.probes.observation import CannotObserve, Found
from tests.verify.observations import documented


class World:
    """What the probes see, and what they were asked for.

    `changes` maps (target, setting) to another value than the documented one, `moments` does so for the first
    look of each probe only, and `dead` maps a target to what every look at it raises.
    """

    def __init__(self) -> None:
        self.looks: list[tuple[Probe, str]] = []
        self.changes: dict[tuple[str, str], Any] = {}
        self.moments: dict[tuple[str, str], Any] = {}
        self.dead: dict[str, CannotObserve] = {}

    def probe(self, probe: Probe) -> Callable[[Environment, Target, float], Found]:
        def look(environment: Environment, target: Target, deadline: float) -> Found:
            first = (probe, target.id) not in self.looks
            self.looks.append((probe, target.id))
            if target.id in self.dead:
                raise self.dead[target.id]
            seen = dict(documented(environment, probe, target))
            changes = {**self.changes, **(self.moments if first else {})}
            other = {setting: value for (name, setting), value in changes.items() if name == target.id}
            return target.version, {setting: other.get(setting, value) for setting, value in seen.items()}

        return look


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """In place of every real probe."""
    made = World()
    for probe in Probe:
        monkeypatch.setitem(observe.PROBES, probe, made.probe(probe))
    return made
