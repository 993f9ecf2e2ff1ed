"""HTTP/1.1 requests to one address in the name of a site, each answered or accounted for."""

import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from scaling_guide.probes.observation import Malformed, Unreachable
from scaling_guide.systems.web.handshake import reason

LONGEST_BODY = 2**18


@dataclass(frozen=True)
class Answer:
    """What came back. `own_address` and `own_port` are where the request was sent from, as far as known."""

    status: int
    headers: httpx.Headers
    body: bytes
    own_address: str
    own_port: int = 0


class Client:
    """Requests to `address`, over TLS where there is a `context`, one connection for those in a row.

    Without cookies, redirects or proxies: what is not asked for is not sent. No deadline is kept in here.
    An answer may have at most `longest` bytes.
    """

    def __init__(
        self,
        address: str,
        port: int,
        site: str,
        context: ssl.SSLContext | None = None,
        longest: int = LONGEST_BODY,
    ) -> None:
        self._scheme, usual = ("https", 443) if context else ("http", 80)
        self._authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self._host, self._name = site if port == usual else f"{site}:{port}", site
        self._longest = longest
        # without a context there is no TLS, so nothing to verify
        self._transport = httpx.AsyncHTTPTransport(verify=context or False, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def ask(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        """The answer to one request.

        Raises Unreachable, also where the site is refused; ssl.SSLCertVerificationError where the context
        does not trust the server; Malformed for anything that is not a complete answer in HTTP.
        """
        request = httpx.Request(
            method,
            f"{self._scheme}://{self._authority}{path}",
            headers={"Host": self._host, "User-Agent": "scaling-guide", **(headers or {})},
            extensions={"sni_hostname": self._name},
        )
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await self._complete(response)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise self._failure(error) from error

    async def _complete(self, response: httpx.Response) -> Answer:
        try:
            own = response.extensions["network_stream"].get_extra_info("client_addr")
        except OSError:  # the server closed already, with the last byte of its answer
            own = ("", 0)
        body = b""
        async for part in response.aiter_raw():
            body += part
            if len(body) > self._longest:
                raise Malformed(f"{self._authority}: an answer of more than {self._longest:,} bytes")
        return Answer(response.status_code, response.headers, body, str(own[0]), int(own[1]))

    def _failure(self, error: httpx.TransportError) -> Exception:
        causes = _causes(error)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return cause
            if isinstance(cause, ssl.SSLError):
                return self._handshake_failure(cause.reason or "broken off")
        if isinstance(error, httpx.ConnectError):
            reasons = [reason(cause) for cause in causes if isinstance(cause, OSError) and cause.errno]
            return Unreachable(f"{self._authority}: {reasons[0] if reasons else error}")
        return Malformed(f"{self._authority}: no answer in HTTP: {str(error) or type(error).__name__}")

    def _handshake_failure(self, said: str) -> Exception:
        refused = "ALERT" in said or "UNRECOGNIZED_NAME" in said
        message = f"{self._authority}: the TLS handshake for {self._name} fails: {said}"
        return Unreachable(message) if refused else Malformed(message)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
