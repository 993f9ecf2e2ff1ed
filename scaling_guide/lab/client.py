"""An HTTP/1.1 client that sends each request once and says what became of it.

Own code over h11, since httpx and httpcore do not hold the rates of a rehearsal: at 400 requests a second
they took half a core, and one hiccup left them seconds behind for good, which looks like a server that loses
requests. This takes an eighth of a core and catches up.
"""

import asyncio
import errno
import json
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import h11

Method = Literal["GET", "POST"]

OK = "ok"
READ_BYTES = 65536


@dataclass(frozen=True)
class Site:
    """Where requests go: an address on loopback and the name of the site.

    With `trust`, a file of certificates, it speaks TLS and proves that the peer is the site.
    Raises ValueError for an address that is not on loopback: load is for the lab alone.
    """

    address: str
    port: int
    name: str
    trust: Path | None = None

    def __post_init__(self) -> None:
        if not ip_address(self.address).is_loopback:
            raise ValueError(f"{self.address} is not on loopback, and load is sent nowhere else")

    def tls(self) -> ssl.SSLContext | None:
        """A context for connections to the site; None where it is plain HTTP."""
        return ssl.create_default_context(cafile=self.trust) if self.trust else None


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    exchanges: int = 0
    has_answered: bool = False
    has_ended: bool = False

    def can_go_on(self) -> bool:
        """Whether both sides are through with an exchange and neither has closed."""
        is_open = not self.reader.at_eof() and self.reader.exception() is None
        return is_open and self.http.our_state is self.http.their_state is h11.DONE

    async def exchange(self, request: h11.Request, body: bytes) -> int:
        """Send one request and read its answer to the end. Returns the status; raises what broke it."""
        if self.exchanges:
            self.http.start_next_cycle()
        self.exchanges, self.has_answered, status = self.exchanges + 1, False, 0
        for event in (request, h11.Data(body), h11.EndOfMessage()):
            self.writer.write(self.http.send(event) or b"")
        while True:
            match self.http.next_event():
                case h11.NEED_DATA:
                    data = await self.reader.read(READ_BYTES)
                    self.has_answered |= bool(data)
                    self.has_ended = not data
                    self.http.receive_data(data)
                case h11.Response(status_code=status):
                    pass
                case h11.EndOfMessage():
                    return status

    def close(self) -> None:
        # not `close`, which would wait for a peer that may never answer
        self.writer.transport.abort()


class Client:
    """Sends requests to one site, over kept connections where it has one that is still open."""

    def __init__(self, site: Site, timeout: float) -> None:
        self._site, self._tls, self._timeout = site, site.tls(), timeout
        self._idle: list[_Connection] = []
        self.opened = 0

    async def send(self, method: Method, path: str, order: str) -> str:
        """`ok`, or what became of the request instead; nothing is ever sent again.

        `http 503` and the like for an answer outside 2xx; `refused`, `reset`; `eof` for a connection that was
        closed before the end of the answer, `stale` where that was a kept one and not a byte had come (a
        browser would send a GET again); `timeout`; `malformed`; `tls`; `os error NAME`.
        """
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._kept() or await self._open()
                status = await connection.exchange(*self._request(method, path, order))
        except TimeoutError:
            outcome = "timeout"
        except (OSError, h11.RemoteProtocolError) as error:
            outcome = _name(error, connection)
        else:
            outcome = OK if 200 <= status < 300 else f"http {status}"
        if connection and connection.can_go_on():
            self._idle.append(connection)
        elif connection:
            connection.close()
        return outcome

    def close(self) -> None:
        """Close every kept connection."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.can_go_on():
                return connection
            connection.close()
        return None

    async def _open(self) -> _Connection:
        self.opened += 1
        name = self._site.name if self._tls else None
        return _Connection(
            *await asyncio.open_connection(
                self._site.address, self._site.port, ssl=self._tls, server_hostname=name
            )
        )

    def _request(self, method: Method, path: str, order: str) -> tuple[h11.Request, bytes]:
        body = json.dumps({"id": order}).encode() if method == "POST" else b""
        headers = [("Host", self._site.name)]
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        return h11.Request(method=method, target=path, headers=headers), body


def _name(error: OSError | h11.RemoteProtocolError, connection: _Connection | None) -> str:
    """What kind of loss an error is."""
    is_reset = isinstance(error, ConnectionResetError | BrokenPipeError)
    has_ended = isinstance(error, ssl.SSLEOFError) or (connection is not None and connection.has_ended)
    is_kept = connection is not None and connection.exchanges > 1
    if is_kept and (is_reset or has_ended) and connection and not connection.has_answered:
        return "stale"
    if has_ended:
        return "eof"
    if is_reset:
        return "reset"
    match error:
        case ConnectionRefusedError():
            return "refused"
        case h11.RemoteProtocolError():
            return "malformed"
        case ssl.SSLError():
            return "tls"
    return f"os error {errno.errorcode.get(error.errno or 0, type(error).__name__)}"
