import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import httpx
import psutil
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.systems.nginx import server as nginx
from tests.lab import fleets
from tests.lab.conftest import up
from tests.systems.conftest import change, pid_of


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A lab with Nginx alone, for all tests of this module."""
    with up(fleets.nginx_alone) as where:
        yield where


def config(where: Lab) -> Path:
    return where.directory("nginx") / "nginx.conf"


def test_it_serves_with_a_certificate_for_the_site(where: Lab) -> None:
    trust = ssl.create_default_context(cafile=where.directory("ca") / "ca.pem")
    extensions = {"sni_hostname": fleets.SITE}
    with httpx.Client(verify=trust) as client:
        answer = client.get(f"https://{where.net}.20:8443/", extensions=extensions)
    assert answer.text == "one\n"


def test_after_a_reload_the_new_configuration_serves(where: Lab) -> None:
    before, old = pid_of(where, "nginx"), nginx.workers(pid_of(where, "nginx"))
    change(config(where), "one", "two")
    lifecycle.command("reload", "nginx", where.number)
    assert httpx.get(f"http://{where.net}.20:8080/").text == "two\n"
    assert pid_of(where, "nginx") == before
    assert not nginx.workers(before) & old
    change(config(where), "two", "one")
    lifecycle.command("reload", "nginx", where.number)
    assert httpx.get(f"http://{where.net}.20:8080/").text == "one\n"


def test_a_reload_of_a_wrong_configuration_is_refused_with_the_reason(where: Lab) -> None:
    workers = nginx.workers(pid_of(where, "nginx"))
    change(config(where), "events {}", "events {} nonsense on;")
    with pytest.raises(LabError, match='nginx did not reload: unknown directive "nonsense"'):
        lifecycle.command("reload", "nginx", where.number)
    assert nginx.workers(pid_of(where, "nginx")) == workers
    change(config(where), "events {} nonsense on;", "events {}")
    lifecycle.command("reload", "nginx", where.number)


def test_a_worker_that_shuts_down_does_not_count(where: Lab) -> None:
    pid = pid_of(where, "nginx")
    # a connection with an unfinished request keeps the old worker alive
    with httpx.Client() as client:
        client.get(f"http://{where.net}.20:8080/")
        lifecycle.command("reload", "nginx", where.number)
        titles = [" ".join(child.cmdline()) for child in psutil.Process(pid).children()]
        serving = [title for title in titles if "shutting down" not in title]
        assert len(nginx.workers(pid)) == len(serving) == 2


def test_there_are_no_workers_without_a_master() -> None:
    assert nginx.workers(2**22 - 1) == frozenset()


def test_a_change_of_the_files_survives_a_restart(where: Lab) -> None:
    change(config(where), "one", "three")
    lifecycle.command("restart", "nginx", where.number)
    assert httpx.get(f"http://{where.net}.20:8080/").text == "three\n"
    change(config(where), "three", "one")
    lifecycle.command("restart", "nginx", where.number)


def test_a_killed_worker_is_replaced_by_its_master(where: Lab) -> None:
    old = nginx.workers(pid_of(where, "nginx"))
    os.kill(min(old), SIGKILL)
    assert lifecycle.status(where.number).is_ready
    assert httpx.get(f"http://{where.net}.20:8080/").text == "one\n"
