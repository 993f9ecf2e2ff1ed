"""What the checker itself lacks is an error with its name, and says nothing of an environment."""

import errno
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from scaling_guide.model.outcome import Outcome
from scaling_guide.probes import observe, own_limits
from scaling_guide.probes.observation import Failure, Need, Result, Unreachable
from scaling_guide.probes.probe import Over
from scaling_guide.verify.check import judge
from scaling_guide.verify.run import observe_for
from scaling_guide.verify.selection import Selection, select
from tests.verify.observations import guide

LAB = guide().environments["lab"]
NEED: Need = ("app", "app-1")


def disguised(error: Exception) -> Any:
    """A probe that takes any error for a server that does not answer."""

    def look(*_: object) -> Any:
        try:
            raise error
        except Exception:
            raise Unreachable("connection refused") from None

    return look


def observed(monkeypatch: pytest.MonkeyPatch, look: Any) -> Result:
    class Probe:
        timed = False
        over = Over.NETWORK

    Probe.look = staticmethod(look)  # type: ignore[attr-defined]
    monkeypatch.setattr(observe, "probe", lambda *_: Probe)
    return observe.observe(LAB, [NEED])[NEED]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "EMFILE: Too many open files"),
        (OSError(errno.ENOSPC, "No space left on device"), "ENOSPC: "),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "ENOMEM: "),
        (MemoryError(), "ENOMEM: out of memory"),
        (RuntimeError("can't start new thread"), "ENOMEM: can't start new thread"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "DNS: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_lack_of_the_checker_is_an_error_whatever_a_probe_makes_of_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    result = observed(monkeypatch, disguised(error))
    assert isinstance(result, Failure)
    assert (result.outcome, result.message.startswith(name)) == ("error", True)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        TimeoutError("timed out"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_environment_lacks_is_no_error_of_the_checker(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    result = observed(monkeypatch, disguised(error))
    assert isinstance(result, Failure)
    assert result.outcome == "unreachable"


def test_too_few_descriptors_are_an_error_before_anything_is_asked() -> None:
    program = (
        "from scaling_guide.probes.own_limits import lack; print(lack(50))\n"
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    few = subprocess.run(
        ["bash", "-c", f"ulimit -n 60; exec {sys.executable} -c '{program}'"], capture_output=True, text=True
    )
    assert few.stdout.startswith("EMFILE: the checker may open 60 files and needs 232: raise `ulimit -n`")
    soft = subprocess.run(
        ["bash", "-c", f"ulimit -Sn 60; exec {sys.executable} -c '{program}'"], capture_output=True, text=True
    )
    assert soft.stdout.split() == ["None", "232"]


def test_without_descriptors_every_check_is_an_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: Mapping[int, tuple[int, int]] = {resource.RLIMIT_NOFILE: (60, 60)}
    monkeypatch.setattr(own_limits.resource, "getrlimit", lambda which: limits[which])
    monkeypatch.setattr(own_limits.resource, "setrlimit", lambda *_: None)
    checks = select(guide(), LAB, Selection())
    results = observe_for(LAB, checks)
    assert {type(result) for result in results.values()} == {Failure}
    outcomes = {judge(check, [results[check.needs]]).outcome for check in checks}
    assert outcomes == {Outcome.ERROR}


def test_a_thread_that_cannot_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(observe.threading.Thread, "start", refuse)
    result = observe.observe(LAB, [NEED])[NEED]
    assert isinstance(result, Failure)
    assert (result.outcome, result.message) == ("error", "ENOMEM: can't start new thread")


def test_a_clock_from_before_the_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_limits.time, "time", lambda: 86400.0)
    assert own_limits.lack(1) is not None
    result = observe.observe(LAB, [NEED])[NEED]
    assert isinstance(result, Failure)
    assert result.outcome == "error"
    assert result.message.startswith("CLOCK: ")
