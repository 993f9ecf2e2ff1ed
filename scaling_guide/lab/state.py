"""What an operator has set in a lab: the state that a roll-back must bring back.

Files and administrative marks count. What health checks, load and crashes make of them (up, down, slow start,
not answering) does not: checks tell of that.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from scaling_guide.lab.layout import Lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import find
from scaling_guide.model.record import Probe, System
from scaling_guide.probes.observation import Failure
from scaling_guide.probes.observe import observe

_SET = {
    System.NGINX: (Probe.NGINX_PROCESS, ("workers > older than disk",)),
    System.HAPROXY: (
        Probe.HAPROXY_RUNTIME,
        (
            *(
                "state > * > * > admin",
                "state > * > * > weight",
                "stat > * > * > addr",
                "stat > * > * > slim",
            ),
            *("stat > * > BACKEND > algo", "info > Maxconn", "worker > older than disk"),
        ),
    ),
    # what an application runs with is in its file
    System.APP: (Probe.APP, ()),
}
# where commands of a runbook note what was there before, for themselves
_NOTES = frozenset({"workers.before", "worker.before", "state"})


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
    needs = [(_SET[each.system][0], each.id) for each in environment.targets.values() if each.system in _SET]
    for (_, name), result in observe(environment, needs).items():
        target = environment.targets[name]
        for path, digest in _files(lab.directory(name)).items():
            values[f"{name}: {path}"] = digest
        if isinstance(result, Failure):
            if target.system is not System.APP:
                # a load balancer that cannot be asked is in another state than one that can
                values[f"{name}: answers"] = result.message
            continue
        versions[target.system] = result.version
        for pattern in _SET[target.system][1]:
            for stars, value in find(result.values, pattern).items():
                values[f"{name}: {_filled(pattern, stars)}"] = str(value)
    return State(values, versions)


def _filled(pattern: str, stars: str) -> str:
    """The setting that a pattern matched where its `*` stood for these, as `find` gives them."""
    each = iter(stars.split(" > "))
    return re.sub(r"\*", lambda star: next(each), pattern)


def _files(directory: Path) -> dict[str, str]:
    """A digest of each file that was written by somebody, not by the running server."""
    return {
        path.relative_to(directory).as_posix(): sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in _NOTES and path.suffix != ".pid"
    }
