"""Everything is looked at once and at the same time, and whatever a probe does, each check has an outcome."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.systems import probe_names, systems
from scaling_guide.probes import observe as module
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.probes.observation import (
    CannotObserve,
    Failure,
    Found,
    Malformed,
    Need,
    Observation,
    Timeout,
    Unreachable,
    Unsupported,
)
from scaling_guide.probes.observe import observe
from scaling_guide.probes.probe import Probe, probes_of
from scaling_guide.probes.recording import ReplayError, replay, save
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.nginx.target import NginxTarget
from tests.systems import documented, servers

TLS, HTTP, APP = ("tls", "nginx"), ("http", "nginx"), ("app", "app-1")

Put = Callable[..., None]


@pytest.fixture
def environment() -> Environment:
    return servers.environment(nginx=servers.nginx_target(), app_1=servers.app_target(1))


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Put:
    """Replaces all probes by these."""

    def replace(**probes: Callable[[Environment, Any, float], Found]) -> None:
        known = {name: Probe(look, by_hand={}, timed=name == "latency") for name, look in probes.items()}
        monkeypatch.setattr(module, "probe", lambda name, system: known[name])

    return replace


def saying(**values: Any) -> Callable[[Environment, Any, float], Found]:
    return lambda environment, target, deadline: ("1.2", values)


def raising(error: BaseException) -> Callable[[Environment, Any, float], Found]:
    def probe(environment: Environment, target: Any, deadline: float) -> Found:
        raise error

    return probe


def hanging(environment: Environment, target: Any, deadline: float) -> Found:
    threading.Event().wait(30)
    return "", {"too": "late"}


# ------------------------------------------------------------------------------------------- looking


@pytest.mark.parametrize("system", systems())
def test_a_system_has_a_probe_and_a_command_by_hand_for_everything_it_declares(system: str) -> None:
    probes = probes_of(system)
    assert sorted(probes) == sorted(systems()[system].probes)
    assert all("" in each.by_hand for each in probes.values())


def test_what_a_probe_saw_is_an_observation_with_its_time(environment: Environment, put: Put) -> None:
    put(tls=saying(alpn="h2"))
    result = observe(environment, [TLS])[TLS]
    assert isinstance(result, Observation)
    assert (result.probe, result.target, result.version, result.values) == (
        "tls",
        "nginx",
        "1.2",
        {"alpn": "h2"},
    )
    assert result.observed_at.endswith("Z")
    assert 0 <= result.seconds < 1


def test_each_need_is_looked_at_once_and_answered_in_the_order_asked(
    environment: Environment, put: Put
) -> None:
    looks: list[str] = []

    def probe(environment: Environment, target: Any, deadline: float) -> Found:
        looks.append(target.id)
        return "", {"seen": True}

    put(tls=probe, app=probe)
    assert list(observe(environment, [APP, TLS, *[APP] * 30])) == [APP, TLS]
    assert sorted(looks) == ["app-1", "nginx"]


def test_nothing_that_is_not_wanted_is_looked_at(environment: Environment, put: Put) -> None:
    put(tls=raising(AssertionError()))
    assert observe(environment, []) == {}


def test_all_looks_happen_at_the_same_time(environment: Environment, put: Put) -> None:
    together = threading.Barrier(3)

    def meeting(environment: Environment, target: Any, deadline: float) -> Found:
        together.wait(5)
        return "", {"met": True}

    put(tls=meeting, http=meeting, app=meeting)
    assert all(isinstance(result, Observation) for result in observe(environment, [TLS, HTTP, APP]).values())


def test_what_measures_time_looks_when_the_others_have(environment: Environment, put: Put) -> None:
    ended: list[str] = []
    deadlines: list[float] = []

    def slow(environment: Environment, target: Any, deadline: float) -> Found:
        time.sleep(0.05)
        ended.append("slow")
        return "", {"seen": "yes"}

    def timed(environment: Environment, target: Any, deadline: float) -> Found:
        ended.append("timed")
        deadlines.append(deadline)
        return "", {"seen": "yes"}

    put(latency=timed, app=slow)
    observe(environment, [("latency", "app-1"), APP], 5.0)
    assert ended == ["slow", "timed"]
    assert deadlines == [5.0]


def test_what_measures_time_does_not_wait_for_one_that_hangs(environment: Environment, put: Put) -> None:
    put(latency=saying(seen="yes"), app=hanging)
    results = observe(environment, [("latency", "app-1"), APP], 0.2)
    assert isinstance(results["latency", "app-1"], Observation)


def test_the_deadline_is_the_callers_or_the_environments(environment: Environment, put: Put) -> None:
    put(tls=lambda environment, target, deadline: ("", {"deadline": deadline}))
    for given, expected in ((2.0, 2.0), (None, 5.0)):
        result = observe(environment, [TLS], given)[TLS]
        assert isinstance(result, Observation)
        assert result.values["deadline"] == expected


# ------------------------------------------------------------------------------------------- failing


@pytest.mark.parametrize(
    ("error", "outcome", "message"),
    [
        (Unreachable("refused"), "unreachable", "refused"),
        (Timeout("late"), "timeout", "late"),
        (Unsupported("too old"), "unsupported", "too old"),
        (Malformed("half"), "error", "half"),
        (KeyError("surprise"), "error", "KeyError: 'surprise'"),
        (SystemExit(3), "error", "SystemExit: 3"),
        (RecursionError("deep"), "error", "RecursionError: deep"),
    ],
)
def test_a_probe_that_raises_leaves_a_failure_with_an_outcome(
    environment: Environment, put: Put, error: BaseException, outcome: str, message: str
) -> None:
    put(tls=raising(error), app=saying(fine=True))
    results = observe(environment, [TLS, APP])
    failure = results[TLS]
    assert isinstance(failure, Failure)
    assert (failure.probe, failure.target, failure.outcome, failure.message) == (
        "tls",
        "nginx",
        outcome,
        message,
    )
    assert isinstance(results[APP], Observation)


def test_every_kind_of_failure_has_an_outcome_that_is_neither_pass_nor_fail() -> None:
    assert {kind.outcome for kind in CannotObserve.__subclasses__()} == {
        "unreachable",
        "timeout",
        "unsupported",
        "error",
    }


def test_to_see_nothing_at_all_is_an_error(environment: Environment, put: Put) -> None:
    put(tls=saying())
    failure = observe(environment, [TLS])[TLS]
    assert isinstance(failure, Failure)
    assert (failure.outcome, failure.message) == ("error", "the probe saw nothing at all")


def test_a_target_that_does_not_exist_is_an_error(environment: Environment, put: Put) -> None:
    put(tls=saying(a=1))
    failure = observe(environment, [("tls", "lb-9")])["tls", "lb-9"]
    assert isinstance(failure, Failure)
    assert failure.outcome == "error"
    assert "lb-9" in failure.message


def test_a_password_does_not_get_into_a_message(environment: Environment, put: Put) -> None:
    put(tls=raising(OSError("cannot reach ssh://checker:hunter2@lb.internal")))
    failure = observe(environment, [TLS])[TLS]
    assert isinstance(failure, Failure)
    assert "ssh://checker:***@lb.internal" in failure.message
    assert "hunter2" not in failure.message


def test_a_probe_that_hangs_is_a_timeout_and_does_not_hold_the_others_up(
    environment: Environment, put: Put
) -> None:
    put(tls=hanging, app=saying(fine=True))
    started = time.monotonic()
    results = observe(environment, [TLS, APP], 0.1)
    assert time.monotonic() - started < 0.1 + module.GRACE_SECONDS + 2
    failure = results[TLS]
    assert isinstance(failure, Failure)
    assert failure.outcome == "timeout"
    assert failure.seconds >= 0.1
    assert isinstance(results[APP], Observation)


def test_a_probe_that_hangs_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import threading\n"
        "from scaling_guide.model.environments import Environment\n"
        "from scaling_guide.probes import observe\n"
        "from scaling_guide.probes.probe import Probe\n"
        "hangs = Probe(lambda *_: threading.Event().wait(60), by_hand={})\n"
        "observe.probe = lambda name, system: hangs\n"
        "targets = {'a': {'system': 'app', 'address': '127.66.0.1'}}\n"
        "environment = Environment(title='Test', tier='small', site='a.test', targets=targets)\n"
        "print(observe.observe(environment, [('app', 'a')], 0.05)['app', 'a'].outcome)\n"
    )
    where = {**os.environ, "PYTHONPATH": str(documented.DATA.parent)}
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30, env=where)
    assert ended.stdout == "timeout\n"


# ------------------------------------------------------------------------------------------ recordings

SEEN: Mapping[Need, Any] = {
    TLS: Observation(
        "tls", "nginx", "1.2", "2026-01-01T00:00:00.000Z", 0.1, {"alpn": "h2", "versions": ["a"]}
    ),
    APP: Failure("app", "app-1", "unreachable", "refused", "2026-01-01T00:00:00.000Z", 0.2),
}


def test_what_was_saved_can_be_judged_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seen.json"
    save(path, "staging", SEEN)
    assert replay(path) == replay(path, "staging") == SEEN
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["seen.json"]


def test_what_was_seen_elsewhere_is_not_taken_for_here(tmp_path: Path) -> None:
    save(tmp_path / "seen.json", "staging", SEEN)
    with pytest.raises(ReplayError, match="tells of staging, not of production"):
        replay(tmp_path / "seen.json", "production")


def test_a_file_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seen.json"
    save(path, "staging", SEEN)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        save(path, "production", {})
    assert replay(path, "staging") == SEEN
    assert [file.name for file in tmp_path.iterdir()] == ["seen.json"]


def _document(**changes: Any) -> str:
    row = {"kind": "observation", "probe": "tls", "target": "nginx", "version": "", "observed_at": "",
           "seconds": 0, "values": {"a": 1}, **changes}  # fmt: skip
    return json.dumps({"schema": 1, "environment": "lab", "results": [row]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a whole JSON document"),
        (_document()[:-20], "not a whole JSON document"),
        ("[]", "no observations of schema 1; its schema is None"),
        ('{"schema": 2, "results": []}', "no observations of schema 1; its schema is 2"),
        ('{"schema": 1}', "damaged.*results"),
        ('{"schema": 1, "results": 7}', "damaged"),
        ('{"schema": 1, "results": [7]}', "damaged"),
        (_document(kind="rumour"), "damaged.*rumour"),
        (_document(probe="crystal_ball"), "damaged.*crystal_ball"),
        (_document(kind="failure"), "damaged.*outcome"),
        (_document(values={}), "damaged.*saw nothing"),
        (_document(values=None), "damaged.*saw nothing"),
        (_document().replace('"target"', '"aim"'), "damaged.*target"),
    ],
)
def test_a_damaged_or_a_foreign_file_is_refused_with_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "seen.json"
    path.write_text(text)
    with pytest.raises(ReplayError, match=rf"seen\.json .*{message}"):
        replay(path)


def test_a_file_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "none.json")


# --------------------------------------------------------------------------------------------- by hand


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with documented.directory() as path:
        yield path


@pytest.mark.parametrize("probe", sorted(probe_names()))
def test_every_command_by_hand_can_be_typed(root: Path, probe: str) -> None:
    environment = documented.environment(root)
    commands = [
        by_hand(probe, environment, target, fact.claim(environment).setting)
        for fact in documented.facts(root, probe)
        for target in environment.of(*fact.systems)
    ]
    assert not [command for command in commands if "{" in command.replace("${", "")]
    subprocess.run(["sh", "-n", "-c", "\n".join(commands)], check=True)


@pytest.mark.parametrize("probe", sorted(probe_names()))
def test_every_template_by_hand_is_complete(root: Path, probe: str) -> None:
    environment = documented.environment(root)
    target = environment.of(*probe_names()[probe])[0]
    asked = probes_of(target.system)[probe]
    if isinstance(target, NginxTarget | HaproxyTarget):
        target = target.model_copy(update={"trust": "/etc/a ca.pem"})
    commands = [by_hand(probe, environment, target, f"{first or 'other'} > value") for first in asked.by_hand]
    subprocess.run(["sh", "-n", "-c", "\n".join(commands)], check=True)


def test_a_command_by_hand_goes_to_the_host_where_the_value_is() -> None:
    remote = servers.haproxy_target().model_copy(update={"host": "ssh://checker@lb-2"})
    environment = servers.environment(haproxy=remote)
    assert isinstance(remote, HaproxyTarget)
    assert by_hand("haproxy_runtime", environment, remote, "stat > app > * > status").startswith(
        "ssh checker@lb-2 \"echo 'show stat' | socat stdio /nowhere.sock"
    )
    assert by_hand("tls", environment, remote, "alpn").startswith("openssl s_client -connect ")
