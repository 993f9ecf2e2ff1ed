"""HTTP servers that misbehave, each in one way."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from scaling_guide.lab.client import Site
from tests import numbers

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhi"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def request(reader: asyncio.StreamReader) -> bytes:
    """One request with its body; raises EOFError where the client has gone."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")), b": 0")
    return head + await reader.readexactly(int(length.partition(b": ")[2]))


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Site]:
    """A server that does `answer` with each connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (EOFError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield Site("127.0.0.1", server.sockets[0].getsockname()[1], "app.test")
    finally:
        server.close()


def each(answer: bytes, then: Callable[[asyncio.StreamWriter], None] = lambda writer: None) -> Answer:
    """Give every request of a connection the same answer, and do `then` after each."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            await request(reader)
            writer.write(answer)
            await writer.drain()
            then(writer)

    return handle


def reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset and not an end."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    writer.close()


def free_address() -> tuple[str, int]:
    """An address that nothing listens on, during the whole run."""
    host = f"{numbers.own().net}.60"
    return host, numbers.free_port(host)
