import asyncio
import csv
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.systems.haproxy import server as haproxy
from tests.lab import fleets
from tests.lab.conftest import up
from tests.systems.conftest import change


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A lab with HAProxy in front of one application, for all tests of this module."""
    with up(fleets.haproxy_before_one) as where:
        yield where


def config(where: Lab) -> Path:
    return where.directory("haproxy") / "haproxy.cfg"


def socket_of(where: Lab) -> Path:
    return where.directory("haproxy") / "master.sock"


def processes_of(where: Lab) -> haproxy.Processes:
    return asyncio.run(haproxy.processes_of(socket_of(where)))


def checks(where: Lab) -> dict[str, str]:
    """The state of the health check of every server."""
    command = f"@!{processes_of(where).worker} show stat"
    answer = asyncio.run(haproxy.ask(socket_of(where), command))
    rows = csv.DictReader(answer.removeprefix("# ").splitlines())
    return {row["svname"]: row["check_status"] for row in rows if row["check_status"]}


def test_it_serves_with_a_certificate_for_the_site(where: Lab) -> None:
    trust = ssl.create_default_context(cafile=where.directory("ca") / "ca.pem")
    extensions = {"sni_hostname": fleets.SITE}
    with httpx.Client(verify=trust) as client:
        answer = client.get(f"https://{where.net}.21:8443/whoami", extensions=extensions)
    assert answer.json()["instance"] == "app-1"


def test_it_is_ready_when_every_server_has_been_checked_also_one_that_is_down(where: Lab) -> None:
    assert "INI" not in checks(where).values()
    assert set(checks(where)) == {"app-1", "app-2"}
    assert httpx.get(f"http://{where.net}.21:8080/whoami").status_code == 200


def test_after_a_reload_a_new_worker_serves_that_has_checked_every_server(where: Lab) -> None:
    old = processes_of(where).worker
    change(
        config(where), "default_backend app", "default_backend app\n    http-response set-header X-New yes"
    )
    lifecycle.command("reload", "haproxy", where.number)
    assert "INI" not in checks(where).values()
    assert httpx.get(f"http://{where.net}.21:8080/whoami").headers["x-new"] == "yes"
    assert processes_of(where).worker not in (None, old)


def test_a_reload_of_a_wrong_configuration_is_refused_and_the_old_worker_stays(where: Lab) -> None:
    old = processes_of(where).worker
    change(config(where), "mode http", "mode http\n    nonsense")
    with pytest.raises(LabError, match="haproxy did not reload: it refused") as caught:
        lifecycle.command("reload", "haproxy", where.number)
    assert any("unknown keyword 'nonsense'" in line for line in caught.value.log)
    assert httpx.get(f"http://{where.net}.21:8080/whoami").status_code == 200
    assert processes_of(where).worker == old
    change(config(where), "mode http\n    nonsense", "mode http")
    lifecycle.command("reload", "haproxy", where.number)
    assert processes_of(where).worker not in (None, old)


def test_a_second_refusal_is_seen_too(where: Lab) -> None:
    change(config(where), "mode http", "mode http\n    nonsense")
    for _ in range(2):
        with pytest.raises(LabError, match="it refused"):
            lifecycle.command("reload", "haproxy", where.number)
    change(config(where), "mode http\n    nonsense", "mode http")
    lifecycle.command("reload", "haproxy", where.number)


def test_a_master_that_is_not_there_is_named(where: Lab) -> None:
    lacking = asyncio.run(haproxy.unchecked(where.root / "nowhere.sock"))
    assert lacking is not None
    assert "the master does not answer" in lacking
