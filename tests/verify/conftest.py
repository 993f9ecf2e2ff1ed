"""A small environment and one fact, to judge without contacting anything."""

from collections.abc import Callable
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.facts import Fact
from scaling_guide.probes.observation import Failure, Observation
from scaling_guide.verify.check import Check
from tests.verify.records import SETTING, make_fact


@pytest.fixture
def environment() -> Environment:
    made = Environment.model_validate(
        {
            "title": "A place",
            "tier": "medium",
            "site": "app.example.com",
            "targets": {
                "lb": {
                    "system": "haproxy",
                    "version": "2.6",
                    "address": "127.0.0.1",
                    "config": "/etc/haproxy.cfg",
                    "certificate": "/etc/tls.pem",
                    "directory": "/var/lib/haproxy",
                    "operator_socket": "/run/operator.sock",
                    "admin_socket": "/run/admin.sock",
                    "master_socket": "/run/master.sock",
                    "stats": 8404,
                },
                "app-1": {"system": "app", "address": "127.0.0.1"},
            },
        }
    )
    made._name = "place"
    for name, target in made.targets.items():
        target._id = name
    return made


@pytest.fixture
def fact() -> Fact:
    return make_fact()


@pytest.fixture
def check(fact: Fact, environment: Environment) -> Check:
    return Check(fact, environment.targets["lb"], environment)


Observe = Callable[..., Observation]


@pytest.fixture
def found() -> Observe:
    def observation(value: Any = 2, version: str = "2.6.12", **values: Any) -> Observation:
        seen = {SETTING: value, **values}
        return Observation("haproxy_config", "lb", version, "2026-06-15T12:00:00.000Z", 0.01, seen)

    return observation


@pytest.fixture
def failure() -> Callable[[str], Failure]:
    def failed(outcome: str) -> Failure:
        return Failure("haproxy_config", "lb", outcome, "nobody answers", "2026-06-15T12:00:00.000Z", 3.0)

    return failed
