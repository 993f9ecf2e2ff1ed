"""What a browser is asked to fetch for one page: how much, how packed, how long it may keep it.

The page is asked for twice, and each file of the site that it names once, one after the other on one
connection; a last connection shows whether HTTP/2 is spoken. No script is run, so what scripts fetch is not
seen. Only gzip is asked for, since it is what every client and this probe can unpack.
"""

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import Found, Malformed, Undetermined, Unsupported
from scaling_guide.systems.web import http
from scaling_guide.systems.web.client import Answer, Client

MOST_FILES = 80
"""Files that are fetched at most. A page that names more is over any budget, and is counted all the same."""

PAGE_REQUESTS = 2
"""Requests for the page itself; each file of the site that it names is one more, up to MOST_FILES."""

LONGEST_FILE = 2**23

_ASK = {"Accept-Encoding": "gzip"}
_TEXT = re.compile(r"text/|application/(javascript|json|xml)|image/svg")
_KINDS = ("script", "style", "image", "font")

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS_FRAME = 4


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """The weight of the environment's page behind `target`, and how it is delivered.

    Raises as the `http` probe does, Unsupported where there is no such page, Malformed where it is no HTML.
    """
    ends = time.monotonic() + deadline
    return http.known(target, ends, lambda context: _look(environment, target, context))


async def _look(environment: Environment, target: LoadBalancer, context: ssl.SSLContext) -> Found:
    speaks = await _speaks_http2(environment.site, target, context)
    async with Client(target.address, target.https, environment.site, context, LONGEST_FILE) as client:
        first = await client.ask(environment.page, _ASK)
        if first.status != 200:
            raise Unsupported(
                f"{target.id}: {environment.page} answers {first.status}: name the `page` to look at"
            )
        etag = first.headers.get("etag")
        again = await client.ask(environment.page, {**_ASK, **({"If-None-Match": etag} if etag else {})})
        page = Page(environment.site, environment.page)
        page.feed(_unpacked(first).decode("utf-8", "replace"))
        answers = {path: await client.ask(path, _ASK) for path in list(page.files)[:MOST_FILES]}
    return "", {
        "http/2 > spoken": "yes" if speaks else "no",
        **_delivery("page", first),
        "page > vary": _list(first.headers.get("vary", "")),
        "page > asked again": again.status,
        "page > bytes": sum(len(answer.body) for answer in (first, *answers.values())),
        "page > requests": 1 + len(page.files) + len(page.elsewhere),
        "page > other hosts": len({urlsplit(address).hostname for address in page.elsewhere}),
        "page > scripts that block": page.blocking,
        "page > images without size": page.unsized,
        "page > images first": page.first if page.images else _none("image"),
        **_files(page, answers),
        "connection > connections": _connections((first, again, *answers.values())),
        "connection > requests": PAGE_REQUESTS + len(answers),
    }


def _connections(answers: Sequence[Answer]) -> int:
    """How many connections the answers came on; one that was closed before it could be told was its own."""
    ports = [answer.own_port for answer in answers]
    return len({port for port in ports if port}) + ports.count(0)


def _files(page: "Page", answers: Mapping[str, Answer]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    weight = dict.fromkeys(_KINDS, 0)
    for path, answer in answers.items():
        kind, name = page.files[path], path.rpartition("/")[2].partition("?")[0]
        weight[kind] += len(answer.body)
        values |= _delivery(f"file {name}", answer) | {f"file {name} > status": answer.status}
        if _TEXT.match(answer.headers.get("content-type", "")):
            values[f"text {name} > encoding"] = answer.headers.get("content-encoding", "none")
    if not answers:
        values |= {"file none > cache-control": _none("file of the site")}
    if not any(name.startswith("text ") for name in values):
        values |= {"text none > encoding": _none("file of text")}
    return values | {f"{kind} > bytes": total for kind, total in weight.items()}


def _none(what: str) -> Undetermined:
    return Undetermined(f"the page names no {what}", empty=True)


def _delivery(name: str, answer: Answer) -> dict[str, Any]:
    return {
        f"{name} > encoding": answer.headers.get("content-encoding", "none"),
        f"{name} > cache-control": _list(answer.headers.get("cache-control", "")),
    }


def _list(header: str) -> list[str]:
    return [part.strip().lower() for part in header.split(",") if part.strip()]


def _unpacked(answer: Answer) -> bytes:
    """The body as it was before it was packed."""
    if not answer.headers.get("content-type", "").startswith("text/html"):
        raise Malformed(f"the page is {answer.headers.get('content-type', 'nothing')} and not HTML")
    if answer.headers.get("content-encoding", "identity") == "identity":
        return answer.body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        # a few kilobytes can become gigabytes
        page = unpacker.decompress(answer.body, LONGEST_FILE)
    except zlib.error as error:
        raise Malformed(f"the page cannot be unpacked: {error}") from None
    if unpacker.unconsumed_tail:
        raise Malformed(f"the page has more than {LONGEST_FILE:,} bytes when it is unpacked")
    if not unpacker.eof:
        raise Malformed("the page cannot be unpacked: it is cut off")
    return page


async def _speaks_http2(site: str, target: LoadBalancer, context: ssl.SSLContext) -> bool:
    """Whether the server agrees on HTTP/2 and then really answers in it, with its settings."""
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        reader, writer = await asyncio.open_connection(
            target.address, target.https, ssl=context, server_hostname=site
        )
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, ssl.SSLError):
        return False  # why, the requests will say
    try:
        if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            return False
        writer.write(_PREFACE)
        return (await reader.readexactly(9))[3] == _SETTINGS_FRAME
    except (OSError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


class Page(HTMLParser):
    """What the HTML of a page asks a browser to fetch at once.

    `files` are paths of the site with their kind, `elsewhere` what other hosts are asked for. `blocking`
    scripts stop the page until they have run, `unsized` images move it when they arrive, `first` images are
    to come before the others.
    """

    def __init__(self, site: str, path: str) -> None:
        super().__init__()
        self._base = f"https://{site}{path}"
        self._site = site
        self.files: dict[str, str] = {}
        self.elsewhere: set[str] = set()
        self.blocking = self.unsized = self.first = self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and given.get("src"):
            self._fetch(given["src"], "script")
            self.blocking += not ({"defer", "async"} & given.keys() or given.get("type") == "module")
        elif tag == "link" and given.get("href"):
            relations = given.get("rel", "").lower().split()
            if "stylesheet" in relations:
                self._fetch(given["href"], "style")
            elif "preload" in relations:
                self._fetch(given["href"], given.get("as", "") if given.get("as") in _KINDS else "script")
        elif tag == "img" and given.get("src"):
            self._fetch(given["src"], "image")
            self.images += 1
            self.unsized += not {"width", "height"} <= given.keys()
            self.first += given.get("fetchpriority") == "high"

    def _fetch(self, reference: str, kind: str) -> None:
        parts = urlsplit(urljoin(self._base, reference))
        if parts.scheme not in ("http", "https"):
            return
        if parts.hostname != self._site:
            self.elsewhere.add(parts.geturl())
        else:
            self.files.setdefault(parts.path + (f"?{parts.query}" if parts.query else ""), kind)
