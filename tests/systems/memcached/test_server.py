"""Memcached is started by its file, and is ready only when the process that was started answers."""

import os
from pathlib import Path

import psutil
import pytest
from pymemcache import Client

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.systems.memcached.server import missing
from scaling_guide.systems.memcached.target import MemcachedTarget
from tests.systems.conftest import kill, pid_of, target_of, user_of


@pytest.fixture
def target(live: Lab) -> MemcachedTarget:
    return target_of(live, "memcached", MemcachedTarget)


def client(target: MemcachedTarget) -> Client:
    return Client((target.address, target.port), timeout=2)


def test_every_option_of_its_file_is_in_force_and_nothing_else(live: Lab, target: MemcachedTarget) -> None:
    options = [line for line in Path(target.config).read_text().splitlines() if not line.startswith("#")]
    process = psutil.Process(pid_of(live, "memcached"))
    assert process.cmdline() == [target.binary, *" ".join(options).split()]


def test_it_is_ready_when_the_process_that_was_started_answers(live: Lab, target: MemcachedTarget) -> None:
    pid = pid_of(live, "memcached")
    assert missing(target, pid) is None
    assert missing(target, os.getpid()) == f"process {pid} answers there, not {os.getpid()}"
    elsewhere = target.model_copy(update={"port": target.port + 1})
    assert "refused" in str(missing(elsewhere, pid))


def test_a_changed_file_takes_effect_with_the_next_start(live: Lab, target: MemcachedTarget) -> None:
    file = Path(target.config)
    documented = file.read_text()
    try:
        file.write_text(f"{documented}-c 77\n")
        lifecycle.command("restart", "memcached", live.number)
        assert client(target).stats()[b"max_connections"] == 77
    finally:
        file.write_text(documented)
        lifecycle.command("restart", "memcached", live.number)


def test_killed_it_is_started_again_and_has_forgotten_everything(live: Lab, target: MemcachedTarget) -> None:
    client(target).set("kept", "for a while", noreply=False)
    before = kill(live, "memcached")
    lifecycle.command("start", "memcached", live.number)
    assert pid_of(live, "memcached") != before
    assert client(target).get("kept") is None


def test_it_does_not_run_as_root(live: Lab) -> None:
    assert psutil.Process(pid_of(live, "memcached")).username() == user_of("memcache", "memcached")
