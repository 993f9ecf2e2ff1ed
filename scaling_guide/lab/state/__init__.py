"""What an operator has set in a lab: the state that a roll-back must bring back.

Files, administrative marks and the settings that run count. What health checks, load and crashes make of them
(up, down, slow start, not answering) does not: checks tell of that. Nor does what a server writes by itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.state import files
from scaling_guide.lab.state.marks import Marks, marks_of
from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import find
from scaling_guide.model.target import Target
from scaling_guide.probes.observation import Failure, Need, Result
from scaling_guide.probes.observe import observe


@dataclass(frozen=True)
class State:
    """What is set, by names for people, and the version of each product that runs."""

    values: Mapping[str, str]
    versions: Mapping[str, str]

    def differences(self, later: "State") -> tuple[str, ...]:
        """What is otherwise later, each as a sentence; nothing where all is as it was."""
        names = sorted({*self.values, *later.values})
        return tuple(
            f"{name}: was {self.values.get(name, 'absent')}, is {later.values.get(name, 'absent')}"
            for name in names
            if self.values.get(name) != later.values.get(name)
        )


def read(environment: Environment, lab: Lab) -> State:
    """The state of every server of the lab."""
    values: dict[str, str] = {}
    versions: dict[str, str] = {}
    marks = {name: marks_of(each.system) for name, each in environment.targets.items()}
    needs = [(each.probe, name) for name, each in marks.items() if each.probe]
    seen = observe(environment, needs)
    for name, target in environment.targets.items():
        found = files.written(target, marks[name], lab.directory(name))
        version, settings = _settings(environment, target, marks[name], seen)
        if version is not None:
            versions[target.system] = version
        values |= {f"{name}: {setting}": str(value) for setting, value in {**found, **settings}.items()}
    return State(values, versions)


def _settings(
    environment: Environment, target: Target, marks: Marks, seen: Mapping[Need, Result]
) -> tuple[str | None, Mapping[str, Any]]:
    """The version of a server, and the settings that it shows."""
    if marks.probe:
        return _observed(marks, seen[marks.probe, target.id])
    if marks.asked is None:
        return None, {}
    try:
        return marks.asked(environment, target)
    except marks.errors:
        return None, {"answers": "no"}


def _observed(marks: Marks, result: Result) -> tuple[str | None, Mapping[str, Any]]:
    if isinstance(result, Failure):
        # a server that cannot be asked is in another state than one that can
        return None, {} if marks.may_be_down else {"answers": result.message}
    return result.version, {
        _filled(pattern, stars): value
        for pattern in marks.settings
        for stars, value in find(result.values, pattern).items()
    }


def _filled(pattern: str, stars: str) -> str:
    """The setting that a pattern matched where its `*` stood for these, as `find` gives them."""
    each = iter(stars.split(" > "))
    return re.sub(r"\*", lambda star: next(each), pattern)
