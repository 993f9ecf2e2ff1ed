import os
import threading
import time
from collections.abc import Iterator
from signal import SIGTERM, SIGUSR1, SIGUSR2

import httpx
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.waiting import pauses
from tests.lab import fleets
from tests.lab.conftest import up


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A lab with one application, for all tests of this module."""
    with up(fleets.app_alone) as where:
        yield where


@pytest.fixture
def url(where: Lab) -> str:
    """The address of the application, which runs and is ready."""
    lifecycle.command("start", "app-1", where.number)
    return f"http://{where.net}.31:8000"


def send(where: Lab, number: int) -> None:
    pid = lifecycle.status(where.number).servers["app-1"].pid
    assert pid is not None
    os.kill(pid, number)


def becomes(url: str, status: int) -> bool:
    """Whether readiness answers so within a moment."""
    for pause in pauses(2):
        if httpx.get(f"{url}/readyz").status_code == status:
            return True
        time.sleep(pause)
    return False


def has_ended(where: Lab) -> bool:
    """Whether the application ends within a moment."""
    for pause in pauses(5):
        if lifecycle.status(where.number).servers["app-1"].state != "ready":
            return True
        time.sleep(pause)
    return False


def test_a_signal_drains_it_and_another_takes_that_back(where: Lab, url: str) -> None:
    send(where, SIGUSR1)
    assert becomes(url, 503)
    assert httpx.get(f"{url}/livez").status_code == 200
    assert httpx.get(f"{url}/work?ms=0").headers["connection"] == "close"
    send(where, SIGUSR2)
    assert becomes(url, 200)


def test_told_to_end_it_says_so_serves_on_and_finishes_what_it_has(where: Lab, url: str) -> None:
    slow: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: slow.append(httpx.get(f"{url}/slow?seconds=0.6")))
    asking.start()
    while "in_flight 2.0" not in httpx.get(f"{url}/metrics").text:
        assert asking.is_alive()
    send(where, SIGTERM)
    assert becomes(url, 503)
    during = httpx.get(f"{url}/work?ms=0")
    assert (during.status_code, during.headers["connection"]) == (200, "close")
    asking.join(10)
    assert has_ended(where)
    assert [answer.status_code for answer in slow] == [200]


def test_after_draining_it_ends_with_exit_code_0(where: Lab, url: str) -> None:
    stopped = lifecycle.command("stop", "app-1", where.number).servers["app-1"]
    assert (stopped.state, stopped.detail) == ("stopped", "ended with exit code 0")


def test_it_takes_its_limits_from_the_file_when_it_starts(where: Lab, url: str) -> None:
    settings = where.directory("app-1") / "app.env"
    before = settings.read_text()
    settings.write_text(f"{before.replace('APP_DRAIN=200ms', 'APP_DRAIN=100ms')}APP_VERSION=0.9\n")
    lifecycle.command("restart", "app-1", where.number)
    about = httpx.get(f"{url}/about").json()
    assert (about["drain"], about["version"]) == ("0.1s", "0.9")
    settings.write_text(before)
    lifecycle.command("restart", "app-1", where.number)
    assert httpx.get(f"{url}/about").json()["version"] == "1.0"


def test_what_instances_share_can_be_read_by_its_owner_only(where: Lab, url: str) -> None:
    key, ledger = where.root / "session.key", where.root / "orders.ledger"
    assert (key.stat().st_mode & 0o777, ledger.stat().st_mode & 0o777) == (0o600, 0o600)
