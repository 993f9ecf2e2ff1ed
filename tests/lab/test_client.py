"""The client says what became of each request, and never sends one twice."""

import asyncio
from collections.abc import Callable

import pytest

from scaling_guide.lab.client import Client, Site
from tests.lab.liars import GOOD, HALF, Answer, close, each, free_address, request, reset, serving

TIMEOUT = 0.2


def sent(answer: Answer, times: int = 1, between: Callable[[], None] = lambda: None) -> tuple[list[str], int]:
    """What becomes of so many requests one after the other, and how many connections they took."""

    async def send() -> tuple[list[str], int]:
        async with serving(answer) as site:
            client = Client(site, TIMEOUT)
            outcomes = []
            for _ in range(times):
                outcomes.append(await client.send("GET", "/", "order-1"))
                # so that the server's end of the connection is seen, as it is between real requests
                await asyncio.sleep(0.02)
            client.close()
            return outcomes, client.opened

    return asyncio.run(send())


def test_a_good_answer_is_ok_and_its_connection_is_kept() -> None:
    assert sent(each(GOOD), times=3) == (["ok", "ok", "ok"], 1)


def test_an_answer_outside_2xx_is_named_by_its_status() -> None:
    assert sent(each(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), times=2) == (["http 503"] * 2, 1)


def test_a_server_that_never_answers_times_out() -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert sent(silence)[0] == ["timeout"]


def test_a_server_that_stops_in_the_middle_times_out_and_the_connection_is_given_up() -> None:
    assert sent(each(HALF), times=2) == (["timeout", "timeout"], 2)


def test_an_end_in_the_middle_of_an_answer_is_eof() -> None:
    assert sent(each(HALF, close))[0] == ["eof"]


def test_a_reset_in_the_middle_of_an_answer_is_reset() -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(HALF)
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)

    assert sent(resets)[0] == ["reset"]


def test_a_new_connection_closed_without_an_answer_is_eof() -> None:
    assert sent(each(b"", close))[0] == ["eof"]


def test_a_kept_connection_closed_without_an_answer_is_stale() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(GOOD)
        await request(reader)

    assert sent(once, times=2)[0] == ["ok", "stale"]


def test_a_connection_closed_after_an_answer_without_notice_loses_nothing() -> None:
    assert sent(each(GOOD, close), times=3) == (["ok", "ok", "ok"], 3)


def test_a_connection_reset_after_an_answer_without_notice_loses_nothing() -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(GOOD)
        await writer.drain()
        await asyncio.sleep(0.005)
        reset(writer)

    assert sent(resets, times=2) == (["ok", "ok"], 2)


def test_a_connection_announced_to_close_is_not_used_again() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert sent(each(closing), times=2) == (["ok", "ok"], 2)


def test_an_answer_that_is_no_http_is_malformed() -> None:
    assert sent(each(b"SSH-2.0-OpenSSH\r\n\r\n"))[0] == ["malformed"]


def test_a_port_where_nobody_listens_is_refused() -> None:
    client = Client(Site(*free_address(), "app.test"), TIMEOUT)
    assert asyncio.run(client.send("GET", "/", "order-1")) == "refused"


def test_a_post_carries_the_id_of_its_order() -> None:
    received = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await request(reader))
        writer.write(GOOD)

    async def send() -> str:
        async with serving(keep) as site:
            return await Client(site, TIMEOUT).send("POST", "/orders", "order-7")

    assert asyncio.run(send()) == "ok"
    assert received[0].startswith(b"POST /orders HTTP/1.1\r\nHost: app.test\r\n")
    assert received[0].endswith(b'{"id": "order-7"}')


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "0.0.0.0"])
def test_an_address_outside_loopback_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        Site(address, 80, "app.test")
