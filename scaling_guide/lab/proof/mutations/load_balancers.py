"""How load balancers break in real life."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from scaling_guide.lab import ca, files
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations.forms import (
    Applied,
    Table,
    behind_its_back,
    edited,
    edited_by_hand,
    first_file,
    without,
)
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.model.environments import HaproxyTarget, NginxTarget
from scaling_guide.model.record import System

N, H = System.NGINX, System.HAPROXY

_USUAL_CURVE = ec.SECP256R1()
_WEAK = "ECDHE-ECDSA-AES128-SHA"


@asynccontextmanager
async def config_invalid(bench: Bench) -> AsyncIterator[str]:
    """The file on disk would not start, and nobody has tried."""
    await bench.restore()
    name, text = first_file(bench)
    async with behind_its_back(bench, {name: text + "no_such_directive on;\n"}):
        yield "no_such_directive on;"


@asynccontextmanager
async def reload_failed(bench: Bench) -> AsyncIterator[str]:
    """A reload was refused, the file was put right, and the old worker serves on."""
    await bench.restore()
    name, text = first_file(bench)
    async with behind_its_back(bench, {name: text + "no_such_directive on\n"}):
        try:
            await bench.take_effect()
        except ReloadRefused as error:
            refusal = str(error)
        else:
            raise DidNotLand("the reload was not refused")
        files.write(bench.directory, bench.pristine)
        yield refusal


@asynccontextmanager
async def algorithm_not_reloaded(bench: Bench) -> AsyncIterator[str]:
    """The process runs another algorithm than the file says."""
    await bench.put(bench.rendered({"haproxy-algorithm": "leastconn"}))
    bench.current = bench.pristine
    async with behind_its_back(bench, bench.pristine):
        yield "balance leastconn runs, the file says otherwise"


# ------------------------------------------------------------------------------------------- run time


def admin(do: str, undo: str) -> Applied:
    """A command on HAProxy's admin socket, for both backends, and its inverse."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        await bench.admin(do)
        try:
            yield do
        finally:
            await bench.admin(undo)
            await _all_up(bench)

    return applied


async def _all_up(bench: Bench) -> None:
    """Wait until every server is up and checked again; a drained server needs a check or two."""
    async with asyncio.timeout(15):
        while True:
            rows = [line.split(",") for line in (await bench.admin("show stat")).splitlines()]
            servers = [row for row in rows if row[0].startswith("app") and row[1].startswith("app-")]
            if servers and all(row[17] == "UP" and row[36].startswith(("L7OK", "* L7OK")) for row in servers):
                return
            await asyncio.sleep(0.05)


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


# --------------------------------------------------------------------------------------- certificates


def certificate(
    days: int = 90,
    covers: str | None = None,
    intermediate: bool = True,
    reload: bool = True,
    curve: ec.EllipticCurve = _USUAL_CURVE,
) -> Applied:
    """Another certificate in place of the target's, and the old one back again."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        assert isinstance(bench.target, NginxTarget | HaproxyTarget)
        paths = [Path(bench.target.certificate), Path(bench.target.certificate).with_suffix(".key")]
        kept = {path: path.read_bytes() for path in paths if path.exists()}
        signer = ca.authority(bench.lab.directory("ca"))
        try:
            site = bench.environment.site
            names = [covers or site]
            key = ec.generate_private_key(curve)
            bench.certificate(ca.issue(signer, site, days, names, intermediate=intermediate, key=key))
            if reload:
                await bench.take_effect()
            yield f"a certificate for {names[0]}, {days} days, {curve.name}"
        finally:
            for path, content in kept.items():
                ca.write_secret(path, content)
            await bench.take_effect()

    return applied


@asynccontextmanager
async def private_key_readable(bench: Bench) -> AsyncIterator[str]:
    """The private key can be read by the group."""
    await bench.restore()
    target = bench.target
    assert isinstance(target, NginxTarget | HaproxyTarget)
    path = Path(target.certificate_key if isinstance(target, NginxTarget) else target.certificate)
    mode = path.stat().st_mode & 0o777
    path.chmod(0o640)
    try:
        yield f"{path.name} has mode 640"
    finally:
        path.chmod(mode)


MUTATIONS: Table = {
    ("config-invalid", N): config_invalid,
    ("config-invalid", H): config_invalid,
    ("reload-forgotten", N): edited_by_hand,
    ("reload-forgotten", H): edited_by_hand,
    ("reload-failed", H): reload_failed,
    ("algorithm-not-reloaded", H): algorithm_not_reloaded,
    ("connections-exhausted", N): connections_exhausted,
    ("runtime-maxconn", H): admin("set maxconn global 100", "set maxconn global 8000"),
    ("runtime-server-maxconn", H): admin(
        "set maxconn server app/app-1 1", "set maxconn server app/app-1 200"
    ),
    ("weight-zero", H): admin("set weight app/app-1 0%", "set weight app/app-1 100%"),
    ("weight-half", H): admin("set weight app/app-1 50%", "set weight app/app-1 100%"),
    ("server-drained", H): admin("set server app/app-1 state drain", "set server app/app-1 state ready"),
    ("server-maintenance", H): admin("set server app/app-1 state maint", "set server app/app-1 state ready"),
    ("server-missing", N): without(r"server 127\.[0-9.]+3:8000 .*"),
    ("server-missing", H): without(r"server app-3 .*"),
    ("server-down", N): edited((r"(server 127\.[0-9.]+3:8000 .*);", r"\1 down;")),
    ("sticky-keepalive-lost", N): edited((r"(upstream app_sticky \{[^}]*)keepalive [0-9]+;", r"\1")),
    ("sticky-server-down", N): edited(
        (r"(upstream app_sticky \{[^}]*server 127\.[0-9.]+3:8000 [^;]*);", r"\1 down;")
    ),
    ("sticky-server-drained", H): admin(
        "set server app_sticky/app-1 state drain", "set server app_sticky/app-1 state ready"
    ),
    ("all-but-one-drained", H): admin(
        "set server app/app-1 state drain; set server app/app-2 state drain",
        "set server app/app-1 state ready; set server app/app-2 state ready",
    ),
    ("check-tcp-only", H): without(r"option httpchk", r"http-check send .*", r"http-check expect .*"),
    ("forwarded-for-appended", H): edited(
        (r"http-request set-header X-Forwarded-For .*", "option forwardfor")
    ),
    ("forwarded-proto-missing", H): without(r"http-request set-header X-Forwarded-Proto .*"),
    ("redirect-to-http", N): edited((r"(return 308) https://", r"\1 http://")),
    ("redirect-to-http", H): edited((r"location https://", "location http://")),
    ("hsts-missing-on-errors", N): edited((r"(add_header Strict-Transport-Security .*) always;", r"\1;")),
    ("hsts-missing-on-errors", H): edited(
        (r"http-after-response (set-header Strict.*) if .*", r"http-response \1 if { status 200 }")
    ),
    ("tls11-enabled", N): edited(
        (r"ssl_protocols .*;", "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;"),
        (r"(ssl_ciphers [^;]*);", rf"\1:{_WEAK}:@SECLEVEL=0;"),
    ),
    ("tls11-enabled", H): edited(
        (r"ssl-min-ver TLSv1.2", "ssl-min-ver TLSv1.1"),
        (r"(ssl-default-bind-ciphers .*)", rf"\1:{_WEAK}:@SECLEVEL=0"),
    ),
    ("alpn-lost", N): edited((r" ssl http2;", " ssl;")),
    ("alpn-lost", H): edited((r"alpn h2,http/1.1", "alpn http/1.1")),
    ("default-certificate", N): edited(
        (r"server_name _;\n( *)ssl_reject_handshake on;",
         r"server_name _;\n\1ssl_certificate tls/app.lab.test.pem;"
         r"\n\1ssl_certificate_key tls/app.lab.test.key;")
    ),
    ("default-certificate", H): edited((r" strict-sni", "")),
    ("certificate-expired", N): certificate(days=-3),
    ("certificate-expired", H): certificate(days=-3),
    ("certificate-short", N): certificate(days=29),
    ("certificate-short", H): certificate(days=29),
    ("certificate-long", N): certificate(days=398),
    ("certificate-long", H): certificate(days=398),
    ("certificate-wrong-name", N): certificate(covers="other.lab.test"),
    ("certificate-wrong-name", H): certificate(covers="other.lab.test"),
    ("certificate-other-key", N): certificate(curve=ec.SECP521R1()),
    ("certificate-other-key", H): certificate(curve=ec.SECP521R1()),
    ("certificate-not-reloaded", N): certificate(reload=False),
    ("certificate-not-reloaded", H): certificate(reload=False),
    ("intermediate-missing", N): certificate(intermediate=False),
    ("intermediate-missing", H): certificate(intermediate=False),
    ("private-key-readable", N): private_key_readable,
    ("private-key-readable", H): private_key_readable,
    ("sticky-cookie-bare", H): edited((r" httponly secure", "")),
    ("sticky-cookie-dynamic", H): edited((r" cookie app-([0-9])$", r" cookie 127.0.0.3\1:8000")),
    ("sticky-lost", H): edited((r"^( *)cookie SRV", r"\1http-request del-header Cookie\n\1cookie SRV")),
}  # fmt: skip
