"""How HAProxy breaks in real life."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.asymmetric import ec

from scaling_guide.lab import files
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import (
    behind_its_back,
    documented,
    edited,
    edited_by_hand,
    first_file,
    without,
    wrong_value,
)
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.systems.haproxy.server import admin as order
from scaling_guide.systems.haproxy.target import HaproxyTarget
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

# a line of HAProxy's frontend before which any rule may stand
_RULE = "use_backend app_sticky"


async def _admin(bench: Bench, *commands: str) -> str:
    assert isinstance(bench.target, HaproxyTarget)
    return await order(bench.target, *commands)


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
    other = wrong_value(bench, "haproxy-algorithm")
    await bench.put(bench.rendered({"haproxy-algorithm": other}))
    bench.current = bench.pristine
    async with behind_its_back(bench, bench.pristine):
        yield f"balance {other} runs, the file says otherwise"


@asynccontextmanager
async def backlog_not_restarted(bench: Bench) -> AsyncIterator[str]:
    """HAProxy was started with a short accept queue; the file was corrected since, and reloaded."""
    await bench.restore()
    short = wrong_value(bench, "haproxy-backlog")
    files.write(bench.directory, bench.rendered({"haproxy-backlog": short}))
    await bench.order("restart")
    files.write(bench.directory, bench.pristine)
    await bench.take_effect()
    try:
        yield f"backlog {short}, corrected and reloaded"
    finally:
        await bench.order("restart")


def admin(do: str, undo: str, fact: str | None = None) -> Applied:
    """A command on the admin socket and its inverse, with the documented value of `fact` at its end."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        await _admin(bench, do)
        try:
            yield do
        finally:
            await _admin(bench, f"{undo} {documented(bench, fact)}" if fact else undo)
            await _all_up(bench)

    return applied


async def _all_up(bench: Bench) -> None:
    """Wait until every server is up and checked again; a drained server needs a check or two."""
    async with asyncio.timeout(15):
        while True:
            rows = [line.split(",") for line in (await _admin(bench, "show stat")).splitlines()]
            servers = [row for row in rows if row[0].startswith("app") and row[1].startswith("app-")]
            if servers and all(row[17] == "UP" and row[36].startswith(("L7OK", "* L7OK")) for row in servers):
                return
            await asyncio.sleep(0.05)


def regressions(path: str, changes: dict[str, str]) -> Mutations:
    """Mutations by name, each with what the application serves at `path` after that bad change."""
    return {
        name: edited(before(_RULE, f"http-request set-path /regressions/{change}{path} if {{ path {path} }}"))
        for name, change in changes.items()
    }


def answered(rule: str) -> Applied:
    """Another rule for the answers of the frontend."""
    return edited(before(_RULE, rule))


MUTATIONS: Mutations = {
    "config-invalid": config_invalid,
    "reload-forgotten": edited_by_hand,
    "reload-failed": reload_failed,
    "algorithm-not-reloaded": algorithm_not_reloaded,
    "runtime-maxconn": admin("set maxconn global 100", "set maxconn global", "haproxy-maxconn"),
    "runtime-server-maxconn": admin(
        "set maxconn server app/app-1 1", "set maxconn server app/app-1", "haproxy-server-maxconn"
    ),
    "weight-zero": admin("set weight app/app-1 0%", "set weight app/app-1 100%"),
    "weight-half": admin("set weight app/app-1 50%", "set weight app/app-1 100%"),
    "server-drained": admin("set server app/app-1 state drain", "set server app/app-1 state ready"),
    "server-maintenance": admin("set server app/app-1 state maint", "set server app/app-1 state ready"),
    "server-missing": without(r"server app-3 .*"),
    "sticky-server-drained": admin(
        "set server app_sticky/app-1 state drain", "set server app_sticky/app-1 state ready"
    ),
    "all-but-one-drained": admin(
        "set server app/app-1 state drain; set server app/app-2 state drain",
        "set server app/app-1 state ready; set server app/app-2 state ready",
    ),
    "check-tcp-only": without(r"option httpchk", r"http-check send .*", r"http-check expect .*"),
    "forwarded-for-appended": edited((r"http-request set-header X-Forwarded-For .*", "option forwardfor")),
    "forwarded-proto-missing": without(r"http-request set-header X-Forwarded-Proto .*"),
    "redirect-to-http": edited((r"location https://", "location http://")),
    "hsts-missing-on-errors": edited(
        (r"http-after-response (set-header Strict.*) if .*", r"http-response \1 if { status 200 }")
    ),
    "tls11-enabled": edited(
        (r"ssl-min-ver TLSv1.2", "ssl-min-ver TLSv1.1"),
        (r"(ssl-default-bind-ciphers .*)", rf"\1:{WEAK_CIPHER}:@SECLEVEL=0"),
    ),
    "alpn-lost": edited((r"alpn h2,http/1.1", "alpn http/1.1")),
    "default-certificate": edited((r" strict-sni", "")),
    "certificate-expired": certificate(days=-3),
    "certificate-short": certificate(days=too_few_days),
    "certificate-long": certificate(days=too_many_days),
    "certificate-wrong-name": certificate(covers="other.lab.test"),
    "certificate-other-key": certificate(curve=ec.SECP521R1()),
    "certificate-not-reloaded": certificate(reload=False),
    "intermediate-missing": certificate(intermediate=False),
    "private-key-readable": private_key_readable,
    "sticky-cookie-bare": edited((r" httponly secure", "")),
    "sticky-cookie-dynamic": edited((r" cookie app-([0-9])$", r" cookie 127.0.0.3\1:8000")),
    "sticky-lost": edited((r"^( *)cookie SRV", r"\1http-request del-header Cookie\n\1cookie SRV")),
    "compression-lost": edited(before("unique-id-header", "http-request del-header Accept-Encoding")),
    "request-id-not-shown": without(r"http-after-response set-header X-Request-ID .*"),
    "request-id-not-told": without(r"unique-id-header .*"),
    "page-closes-connection": edited(before("option redispatch", "option httpclose")),
    "backlog-not-restarted": backlog_not_restarted,
    "etag-lost": answered("http-after-response del-header ETag"),
    "server-timing-lost": answered("http-after-response del-header Server-Timing"),
    **regressions("/", PAGE_REGRESSIONS),
    **regressions("/api/items", LIST_REGRESSIONS),
}
