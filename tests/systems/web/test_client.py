"""A client that sends what it was asked to send, to the address that it was given, and nothing else."""

import asyncio

import pytest

from scaling_guide.systems.web.client import Answer, Client
from tests.systems import servers
from tests.systems.servers import HOST, SITE

REDIRECTING = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok"


def exchanged(
    port: int, *paths: str, method: str = "GET", headers: dict[str, str] | None = None
) -> list[Answer]:
    async def ask() -> list[Answer]:
        async with Client(HOST, port, SITE) as client:
            return [await client.ask(path, headers, method) for path in paths]

    return asyncio.run(ask())


def recording(received: list[str], answer: bytes) -> servers.Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(4096):
            received.append(request.decode())
            writer.write(answer)

    return talk


def test_the_site_is_named_with_its_port_and_asked_at_the_address() -> None:
    received: list[str] = []
    with servers.liar(recording(received, REDIRECTING)) as port:
        exchanged(port, "/a?b=c", method="TRACE", headers={"X-Forwarded-For": "203.0.113.7"})
    lines = received[0].lower().splitlines()
    assert lines[0] == "trace /a?b=c http/1.1"
    assert {f"host: {SITE}:{port}", "x-forwarded-for: 203.0.113.7"} <= set(lines)


def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    received: list[str] = []
    with servers.liar(recording(received, REDIRECTING)) as port:
        answers = exchanged(port, "/one", "/two")
    assert [answer.status for answer in answers] == [302, 302]
    assert [request.split()[1] for request in received] == ["/one", "/two"]
    assert "cookie" not in "".join(received).lower()


def test_a_proxy_of_the_process_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with servers.liar(recording([], REDIRECTING)) as port:
        (answer,) = exchanged(port, "/")
    assert answer.body == b"ok"
    assert answer.own_address == "127.0.0.1"
