"""What the app probe reads from the application, healthy or not, and from servers that lie."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from scaling_guide.model.target import AppTarget
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.app import probe as app
from tests.systems import servers
from tests.systems.servers import HOST

DEADLINE = 5.0


def look(target: AppTarget, deadline: float = DEADLINE) -> Mapping[str, Any]:
    return app.probe(servers.environment(app_1=target), target, deadline)[1]


FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "not alive": {"liveness_status": 500},
    "cached": {"health_cache_control": "public, max-age=60"},
    "old version": {"version": "0.9"},
    "keep alive": {"keep_alive": 5},
    "drain": {"drain": 0.2},
    "shutdown": {"shutdown": 60},
    "request timeout": {"request_timeout": 90},
}


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, AppTarget]]:
    """An instance of the application with each fault, by its name."""
    with servers.applications(tmp_path_factory.mktemp("app"), *FAULTS.values()) as ports:
        yield {fault: servers.app_target(port) for fault, port in zip(FAULTS, ports, strict=True)}


def test_a_healthy_instance_shows_everything_that_is_documented(instances: Mapping[str, AppTarget]) -> None:
    target = instances["none"]
    version, values = app.probe(servers.environment(app_1=target), target, DEADLINE)
    assert version == "1.0"
    assert values == {
        "version": "1.0",
        "/livez > status": 200,
        "/livez > cache-control": "no-store",
        "/readyz > status": 200,
        "/readyz > cache-control": "no-store",
        "about > instance": "app-1",
        "about > keep alive": "75s",
        "about > drain": "2s",
        "about > shutdown": "10s",
        "about > request timeout": "25s",
        "about > page default": 20,
        "about > page most": 100,
        "about > pool size": 5,
        "about > pool timeout": "3s",
        "about > pool lifetime": "1800s",
        "about > connect timeout": "2s",
        "about > database timeout": "19s",
        "about > cache ttl": "3600s",
        "about > cache jitter": "10%",
        "about > cache lock": "5s",
        "about > cache timeout": "100ms",
    }


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("not alive", {"/livez > status": 500}),
        ("cached", {f"{path} > cache-control": "public, max-age=60" for path in ("/livez", "/readyz")}),
        ("old version", {"version": "0.9"}),
        ("keep alive", {"about > keep alive": "5s"}),
        ("drain", {"about > drain": "0.2s"}),
        ("shutdown", {"about > shutdown": "60s"}),
        ("request timeout", {"about > request timeout": "90s"}),
    ],
)
def test_a_fault_changes_nothing_but_what_it_is_about(
    instances: Mapping[str, AppTarget], fault: str, seen: Mapping[str, Any]
) -> None:
    values = look(instances[fault])
    changed = servers.differences(look(instances["none"]), values) - {"about > instance"}
    assert {name: values[name] for name in changed} == seen


ABOUT = json.dumps({"version": "1.0", "keep_alive": "75s"}).encode()


def answering(status: str, body: bytes, headers: str = "") -> servers.Talk:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return servers.saying(head.encode() + body)


def test_an_instance_that_is_not_ready_is_an_answer() -> None:
    with servers.liar(by_path({"/readyz": b"503 Service Unavailable"})) as port:
        values = look(servers.app_target(port))
    assert (values["/readyz > status"], values["/livez > status"]) == (503, 200)
    assert values["/readyz > cache-control"] is None


def by_path(statuses: Mapping[str, bytes]) -> servers.Talk:
    """An application that answers 200, with its limits, save for these paths."""

    async def talk(reader: Any, writer: Any) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        status = statuses.get(request.split()[1].decode(), b"200 OK")
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(ABOUT), ABOUT))
        await writer.drain()
        writer.close()

    return talk


def failure(target: AppTarget, deadline: float = DEADLINE) -> CannotObserve:
    with pytest.raises(CannotObserve) as caught:
        look(target, deadline)
    return caught.value


def test_a_closed_port_is_unreachable() -> None:
    found = failure(servers.app_target(servers.free_port()))
    assert isinstance(found, Unreachable)
    assert HOST in str(found)


@pytest.mark.quiet
@pytest.mark.parametrize("talk", [servers.silent, servers.dripping(b"HTTP/1.1 200 OK\r\nX-A: ")])
def test_an_application_that_does_not_come_to_an_end_ends_at_the_deadline(talk: servers.Talk) -> None:
    begun = time.monotonic()
    with servers.liar(talk) as port:
        assert isinstance(failure(servers.app_target(port), 0.2), Timeout)
    assert time.monotonic() - begun < 1


def test_an_application_that_tells_no_limits_is_unsupported() -> None:
    with servers.liar(by_path({"/about": b"404 Not Found"})) as port:
        assert isinstance(failure(servers.app_target(port)), Unsupported)


@pytest.mark.parametrize(
    "talk",
    [
        servers.resetting,
        servers.saying(b"\x15\x03\x03\x00\x02\x02\x46"),
        servers.saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        answering("200 OK", b"<html>welcome</html>"),
        answering("200 OK", b"[]"),
        answering("200 OK", b'{"keep_alive": "75s"}'),
        answering("200 OK", b'{"version": 1}'),
        answering("502 Bad Gateway", ABOUT),
        answering("302 Found", b"", "Location: /login\r\n"),
    ],
    ids=[
        "reset",
        "TLS",
        "half a body",
        "a web page",
        "a list",
        "no version",
        "no text",
        "a bad gateway",
        "a redirect",
    ],
)
def test_what_is_not_the_applications_answer_is_an_error_and_not_a_verdict(talk: servers.Talk) -> None:
    with servers.liar(talk) as port:
        assert isinstance(failure(servers.app_target(port)), Malformed)
