"""What an operator has set in a lab: the state that a roll-back must bring back.

Files, administrative marks and the settings that run count. What health checks, load and crashes make of them
(up, down, slow start, not answering) does not: checks tell of that. Nor does what a server writes by itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import redis as client

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.state import files, postgres, redis
from scaling_guide.model.environments import Environment, Target
from scaling_guide.model.expectation import find
from scaling_guide.model.record import Probe, System
from scaling_guide.probes.observation import Failure, Found, Result
from scaling_guide.probes.observe import observe

# what the checker's own look tells, and the settings in it
_SEEN = {
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
    System.PGBOUNCER: (Probe.PGBOUNCER_CONSOLE, ("config > *", "database > * > *", "leads to > *")),
    System.MEMCACHED: (Probe.MEMCACHED, ("settings > *", "memory > limit in MiB")),
}
# what only an operator is told
_ASKED: Mapping[System, Callable[[Environment, Any], Found]] = {
    System.POSTGRES: postgres.found,
    System.REDIS: redis.node,
    System.SENTINEL: redis.sentinel,
}


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
    needs = {
        name: _SEEN[each.system][0] for name, each in environment.targets.items() if each.system in _SEEN
    }
    seen = observe(environment, [(probe, name) for name, probe in needs.items()])
    for name, target in environment.targets.items():
        found = files.written(target, lab.directory(name))
        if name in needs:
            version, told = _of(target, seen[needs[name], name])
        elif target.system in _ASKED:
            version, told = _answer(environment, target)
        else:
            version, told = None, {}
        if version is not None:
            versions[target.system] = version
        values |= {f"{name}: {setting}": str(value) for setting, value in {**found, **told}.items()}
    return State(values, versions)


def _of(target: Target, result: Result) -> tuple[str | None, Mapping[str, Any]]:
    """The settings among what a probe saw."""
    if isinstance(result, Failure):
        # a server that cannot be asked is in another state than one that can; an instance may come and go
        return None, {} if target.system is System.APP else {"answers": result.message}
    return result.version, {
        _filled(pattern, stars): value
        for pattern in _SEEN[target.system][1]
        for stars, value in find(result.values, pattern).items()
    }


def _answer(environment: Environment, target: Target) -> tuple[str | None, Mapping[str, Any]]:
    try:
        return _ASKED[target.system](environment, target)
    except (psycopg.Error, client.RedisError):
        return None, {"answers": "no"}


def _filled(pattern: str, stars: str) -> str:
    """The setting that a pattern matched where its `*` stood for these, as `find` gives them."""
    each = iter(stars.split(" > "))
    return re.sub(r"\*", lambda star: next(each), pattern)
