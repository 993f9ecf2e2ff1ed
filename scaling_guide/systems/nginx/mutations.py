"""How Nginx breaks in real life."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import edited, edited_by_hand, without
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.web.mutations import (
    LIST_REGRESSIONS,
    PAGE_REGRESSIONS,
    WEAK_CIPHER,
    before,
    certificate,
    config_invalid,
    private_key_readable,
    too_few_days,
    too_many_days,
)


@asynccontextmanager
async def connections_exhausted(bench: Bench) -> AsyncIterator[str]:
    """More requests came than worker_connections allows. The counter outlives reloads, not a restart.

    Only connections with a request in hand count: Nginx closes idle ones to make room, and drops nothing.
    """
    target = bench.target
    assert isinstance(target, NginxTarget)
    await bench.put(bench.rendered({"nginx-worker-connections": 16}))
    held: list[asyncio.StreamWriter] = []
    with contextlib.suppress(OSError, TimeoutError):
        while len(held) < 40:
            held.append(await _slow_request(target, bench.environment.site))
    for _ in range(40):
        with contextlib.suppress(OSError, TimeoutError):
            held.append((await _connection(target.address, target.https))[1])
    for writer in held:
        writer.close()
    await bench.restore()
    try:
        yield f"{len(held)} connections against 16 for each worker"
    finally:
        await bench.order("restart")


async def _slow_request(target: NginxTarget, site: str) -> asyncio.StreamWriter:
    """A connection with a request that is not answered soon."""
    context = ssl.create_default_context(cafile=target.trust)
    _, writer = await _connection(target.address, target.https, ssl=context, server_hostname=site)
    writer.write(f"GET /slow?seconds=2 HTTP/1.1\r\nHost: {site}\r\n\r\n".encode())
    await writer.drain()
    return writer


async def _connection(
    address: str, port: int, **tls: Any
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(2):
        return await asyncio.open_connection(address, port, **tls)


def regressions(path: str, changes: dict[str, str]) -> Mutations:
    """Mutations by name, each with what the application serves at `path` after that bad change."""
    return {
        name: edited(
            before(
                "location / {", f"location = {path} {{ proxy_pass http://app/regressions/{change}{path}; }}"
            )
        )
        for name, change in changes.items()
    }


def answered(directive: str) -> Applied:
    """Another directive for the answers of the server."""
    return edited(before("add_header Strict-Transport", directive))


MUTATIONS: Mutations = {
    "config-invalid": config_invalid,
    "reload-forgotten": edited_by_hand,
    "connections-exhausted": connections_exhausted,
    "server-missing": without(r"server 127\.[0-9.]+3:8000 .*"),
    "server-down": edited((r"(server 127\.[0-9.]+3:8000 .*);", r"\1 down;")),
    "sticky-keepalive-lost": edited((r"(upstream app_sticky \{[^}]*)keepalive [0-9]+;", r"\1")),
    "sticky-server-down": edited(
        (r"(upstream app_sticky \{[^}]*server 127\.[0-9.]+3:8000 [^;]*);", r"\1 down;")
    ),
    "redirect-to-http": edited((r"(return 308) https://", r"\1 http://")),
    "hsts-missing-on-errors": edited((r"(add_header Strict-Transport-Security .*) always;", r"\1;")),
    "tls11-enabled": edited(
        (r"ssl_protocols .*;", "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;"),
        (r"(ssl_ciphers [^;]*);", rf"\1:{WEAK_CIPHER}:@SECLEVEL=0;"),
    ),
    "alpn-lost": edited((r" ssl http2;", " ssl;")),
    "default-certificate": edited(
        (
            r"server_name _;\n( *)ssl_reject_handshake on;",
            r"server_name _;\n\1ssl_certificate tls/app.lab.test.pem;"
            r"\n\1ssl_certificate_key tls/app.lab.test.key;",
        )
    ),
    "certificate-expired": certificate(days=-3),
    "certificate-short": certificate(days=too_few_days),
    "certificate-long": certificate(days=too_many_days),
    "certificate-wrong-name": certificate(covers="other.lab.test"),
    "certificate-other-key": certificate(curve=ec.SECP521R1()),
    "certificate-not-reloaded": certificate(reload=False),
    "intermediate-missing": certificate(intermediate=False),
    "private-key-readable": private_key_readable,
    "compression-disabled": edited(before("gzip_vary", 'gzip_disable ".";')),
    "request-id-not-shown": without(r"add_header X-Request-ID .*"),
    "request-id-not-told": without(r"proxy_set_header X-Request-ID .*"),
    "page-closes-connection": edited(
        before("location / {", "location = / { keepalive_timeout 0; proxy_pass http://app; }")
    ),
    "etag-lost": answered("proxy_hide_header ETag;"),
    "server-timing-lost": answered("proxy_hide_header Server-Timing;"),
    **regressions("/", PAGE_REGRESSIONS),
    **regressions("/api/items", LIST_REGRESSIONS),
}
