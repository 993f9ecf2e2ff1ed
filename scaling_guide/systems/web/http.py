"""How a load balancer answers visitors: redirect, HSTS, forwarded headers, spread and stickiness.

About thirty ordinary requests. Those to the same upstream go one after the other on one connection, since an
algorithm that counts open requests spreads them for certain only while it sees one at a time.
"""

import asyncio
import json
import re
import secrets
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import CannotObserve, Found, Malformed, Timeout, Unreachable
from scaling_guide.systems.web import host
from scaling_guide.systems.web.client import Answer, Client
from scaling_guide.systems.web.handshake import pinned, verifying

SPREAD = 12
"""Requests for the spread. Where the choice is random, a dozen miss one of three servers once in forty looks,
so they go on, to at most a dozen for each server, until every server has answered: that misses one in
700,000. An algorithm that takes turns never needs more than the first dozen."""

STICKY = 12
"""Requests of one session: with fewer, a random choice can look sticky (five are alike once in eighty)."""

REQUESTS = 1 + SPREAD + 3 + STICKY + 1
"""One plain, those for the spread, a forged one and two errors, those of a session and one for its cookie."""

# for a site that names no path that is not there
NOT_THERE = "/no-such-page-of-scaling-guide"
FORGED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}
SESSION_COOKIE = "sid"


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """What a visitor of the site meets at `target`, within `deadline` seconds, and the version it tells.

    The server must be known: by a certificate that is good for the site, or by the one on the target's disk,
    so that a certificate which merely has a fault (the tls probe says which) hides nothing else. Raises
    Unreachable, Timeout or Malformed; answers of 400 and above are answers.
    """
    ends = time.monotonic() + deadline
    return known(target, ends, lambda context: _look(environment, target, context))


def known(
    target: LoadBalancer, ends: float, looking: Callable[[ssl.SSLContext], Coroutine[Any, Any, Found]]
) -> Found:
    """What `looking` finds until `ends`, of a server that is known as `probe` says. Raises as that does."""

    def look(context: ssl.SSLContext) -> Found:
        return asyncio.run(_bounded(looking(context), ends))

    try:
        return look(verifying(target.trust))
    except ssl.SSLCertVerificationError as fault:
        stranger = f"{target.address}:{target.https}: the certificate is not trusted ({fault.verify_message})"
    try:
        return look(pinned(host.certificate(target, max(0.0, ends - time.monotonic()))))
    except ssl.SSLCertVerificationError:
        raise Unreachable(f"{stranger} and is not the one on the target's disk") from None
    except CannotObserve as failure:
        raise type(failure)(f"{stranger}; {failure}") from failure


async def _bounded(work: Coroutine[Any, Any, Found], ends: float) -> Found:
    try:
        async with asyncio.timeout(ends - time.monotonic()):
            return await work
    except TimeoutError:
        raise Timeout("not all requests were answered before the deadline") from None


async def _look(environment: Environment, target: LoadBalancer, context: ssl.SSLContext) -> Found:
    site, address = environment.site, target.address
    can = environment.capabilities
    ordinary, sticky = can.get("whoami", environment.page), can.get("sticky")
    redirected, (spread, errors), session = await asyncio.gather(
        _plain(Client(address, target.http, site), ordinary),
        _ordinary(Client(address, target.https, site, context), environment, ordinary),
        _session(Client(address, target.https, site, context), sticky, target.inserts_cookie),
    )
    forged, missing, error_page = errors
    named: Mapping[str, Any] = {}
    if "whoami" in can:
        named = {**_forwarded(forged), "spread > instances": len(_instances(spread))}
    first = next((answer for answer in spread if answer.status == 200), None)
    server = first.headers.get("server", "none") if first else "none"
    told = re.match(rf"{target.system}/([0-9.]+)", server, re.IGNORECASE)
    return told[1] if told else "", {
        **_redirect(redirected),
        "hsts > 200": _hsts(first),
        "hsts > 404": _hsts(missing),
        "hsts > error page": _hsts(error_page),
        **named,
        "spread > errors": sum(1 for answer in spread if answer.status >= 400),
        "spread > requests": len(spread),
        **session,
        "server header": server,
    }


async def _plain(site: Client, path: str) -> Answer:
    async with site:
        return await site.ask(path)


async def _ordinary(
    site: Client, environment: Environment, path: str
) -> tuple[list[Answer], tuple[Answer, Answer, Answer]]:
    """Answers to ordinary requests; then to a forged one, to one for what is not there, and to TRACE.

    Nginx answers TRACE itself, with one of its own error pages.
    """
    async with site:
        spread = [await site.ask(path) for _ in range(SPREAD if "whoami" in environment.capabilities else 1)]
        if "whoami" in environment.capabilities:
            apps = len(environment.apps)
            while 0 < len(_instances(spread)) < apps and len(spread) < SPREAD * apps:
                spread.append(await site.ask(path))
        return spread, (
            await site.ask(path, FORGED),
            await site.ask(environment.capabilities.get("errors", NOT_THERE)),
            await site.ask(path, method="TRACE"),
        )


def _instances(answers: Sequence[Answer]) -> set[str]:
    """The application's instances behind the good answers. Raises Malformed for one that names none."""
    found = set()
    for answer in answers:
        if answer.status < 400:
            if "x-instance" not in answer.headers:
                raise Malformed(f"an answer with {answer.status} lacks X-Instance: not the application's")
            found.add(answer.headers["x-instance"])
    return found


def _redirect(answer: Answer) -> Mapping[str, Any]:
    location = answer.headers.get("location")
    return {
        "redirect > status": answer.status,
        "redirect > location": location,
        "redirect > scheme": urlsplit(location).scheme or None if location else None,
    }


def _hsts(answer: Answer | None) -> int | None:
    """max-age in seconds; None without the header, so that it is seen to be missing."""
    header = answer.headers.get("strict-transport-security", "") if answer else ""
    found = re.search(r'(?:^|;)\s*max-age\s*=\s*"?([0-9]+)"?\s*(?:;|$)', header, re.IGNORECASE)
    return int(found[1]) if found else None


def _forwarded(answer: Answer) -> Mapping[str, Any]:
    """What the application was told of a client that lies about itself; None where it gave no answer."""
    if answer.status >= 400:
        return {"forwarded > client is": None, "forwarded > proto": None}
    seen = _seen(answer)
    return {
        "forwarded > client is": _client(seen.get("x-forwarded-for"), answer.own_address),
        "forwarded > proto": seen.get("x-forwarded-proto"),
    }


def _seen(answer: Answer) -> Mapping[str, str]:
    """The headers that reached the application, as it repeats them."""
    try:
        headers = json.loads(answer.body)["headers"]
        return {str(name).lower(): str(value) for name, value in headers.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("an answer holds something else than the headers it got") from None


def _client(forwarded: str | None, own_address: str) -> str:
    addresses = [each.strip() for each in (forwarded or "").split(",") if each.strip()]
    if not addresses:
        return "not told"
    if addresses[0] == FORGED["X-Forwarded-For"]:
        return "the forged address first" if len(addresses) > 1 else "the forged address"
    if FORGED["X-Forwarded-For"] in addresses:
        return "the forged address among others"
    return "the peer" if addresses == [own_address] else "another address"


# ------------------------------------------------------------------------------------------ sessions


async def _session(site: Client, path: str | None, cookie_is_set: bool) -> Mapping[str, Any]:
    """Whether the requests of one session meet one server, and the cookie where the load balancer sets it."""
    if path is None:
        return {}
    cookie: Mapping[str, Any] = {}
    header = f"{SESSION_COOKIE}={secrets.token_hex(16)}"
    async with site:
        if cookie_is_set:
            morsel = _cookie(await site.ask(path))
            cookie = _attributes(morsel)
            header = f"{morsel.key}={morsel.coded_value}" if morsel else ""
        sent = {"Cookie": header} if header else {}
        answers = [await site.ask(path, sent) for _ in range(STICKY)]
    return {"sticky > instances": len(_instances(answers)), **cookie}


def _cookie(answer: Answer) -> Morsel[str] | None:
    """The last cookie of an answer: a load balancer adds its own after the application's."""
    headers = answer.headers.get_list("set-cookie")
    if not headers:
        return None
    try:
        morsels = list(SimpleCookie(headers[-1]).values())
    except CookieError:
        morsels = []
    if len(morsels) != 1:
        raise Malformed("a Set-Cookie header cannot be understood")
    return morsels[0]


def _attributes(cookie: Morsel[str] | None) -> Mapping[str, Any]:
    """The cookie's settings; None for each of them where none was set."""
    return {
        "sticky > cookie > name": cookie.key if cookie else None,
        "sticky > cookie > value": cookie.value if cookie else None,
        "sticky > cookie > secure": _flag(cookie, "secure"),
        "sticky > cookie > httponly": _flag(cookie, "httponly"),
        "sticky > cookie > samesite": (cookie["samesite"] or None) if cookie else None,
    }


def _flag(cookie: Morsel[str] | None, name: str) -> str | None:
    return None if cookie is None else "yes" if cookie[name] else "no"
