"""How fast a list of the application answers through a load balancer, and whether it bounds what it gives.

Fast is held against a budget by an exact rule. Of `n` answers in a row the `k`-th slowest is, with the
confidence below, an upper bound of the percentile: with 59 answers the slowest one bounds the 95th
percentile, with 93 the second slowest, which forgives one hiccup. The number is fixed
beforehand, or by the deadline: to go on until the result pleases is not the same test.
"""

import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from hashlib import sha256
from math import comb
from typing import Any
from urllib.parse import quote

from scaling_guide.model.environments import Environment, LoadBalancer
from scaling_guide.probes import http, stopwatch
from scaling_guide.probes.observation import Found, Malformed, Timeout, Unsupported
from scaling_guide.probes.web import Answer, Client

CONFIDENCE = 0.95
READS = 93
"""Requests that are timed at most: the fewest with which one over the budget is within it, at p95."""

FEWEST = 59
"""The fewest with which anything can be said of p95: none of them over the budget."""

AT_ONCE = 2
SHARE = 0.7
"""Of the deadline, for timing."""

TRIES = 3
LARGE = 100_000
LONGEST_LIST = 2**23
REQUESTS = READS + 4
"""Those that are timed, the first page and the next, one with a huge limit, and one that shows headers."""

HEADER = "x-request-id"
ECHO = "/whoami"


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """Latency, limits and headers of the environment's list behind `target`.

    Raises as the `http` probe does, and Unsupported where there is no such list.
    """
    ends = time.monotonic() + deadline
    return http.known(target, ends, lambda context: _look(environment, target, context, ends))


async def _look(
    environment: Environment, target: LoadBalancer, context: ssl.SSLContext, ends: float
) -> Found:
    path = environment.api
    certificate = await _certificate(environment.site, target, context)
    timing = asyncio.create_task(_timed(environment, target, certificate, ends))
    async with Client(target.address, target.https, environment.site, context, LONGEST_LIST) as client:
        first = await _answer(client, path)
        if first.status in (404, 405):
            raise Unsupported(f"{target.id}: {path} answers {first.status}: name the `api` to look at")
        rows = _rows(first)
        cursor = _document(first).get("next")
        following = (
            await _answer(client, f"{path}?after={quote(str(cursor))}") if cursor is not None else None
        )
        large = await _answer(client, f"{path}?limit={LARGE}")
        echo = await client.ask(ECHO)
    timed = await timing
    seconds = [spent for spent, _ in timed]
    return "", {
        "read > requests": len(timed),
        "read > errors": sum(1 for _, status in timed if status >= 500),
        "read > p50": _shown(upper_bound(seconds, 0.5)),
        "read > p95": _shown(upper_bound(seconds, 0.95)),
        "list > rows": len(rows),
        "list > rows at most": len(_rows(large)),
        "list > next page": _following(rows, following),
        "server timing > parts": _parts(first),
        **_request_id(first, echo),
    }


async def _answer(client: Client, path: str) -> Answer:
    """An answer, and after a server error another one: errors are counted elsewhere and hide nothing here."""
    for _ in range(TRIES):
        answer = await client.ask(path)
        if answer.status < 500:
            break
    return answer


async def _timed(
    environment: Environment, target: LoadBalancer, certificate: str, ends: float
) -> list[tuple[float, int]]:
    """Seconds and status of each timed request.

    Raises Malformed where the series breaks off, and Timeout where it is too short to say anything.
    """
    site = environment.site
    job = stopwatch.Job(
        address=target.address,
        port=target.https,
        site=site,
        host=site if target.https == 443 else f"{site}:{target.https}",
        path=environment.api,
        certificate=certificate,
        requests=READS,
        connections=AT_ONCE,
        until=time.monotonic() + (ends - time.monotonic()) * SHARE,
    )
    try:
        # in a thread, since a loop outside of the main thread cannot watch over a process
        done = await asyncio.to_thread(
            subprocess.run,
            (sys.executable, "-I", "-S", stopwatch.__file__),
            input=stopwatch.written(job),
            capture_output=True,
            timeout=max(0.0, ends - time.monotonic()),
        )
    except subprocess.TimeoutExpired:
        raise Timeout(f"{target.id}: the timed requests did not end before the deadline") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Malformed(
            f"{target.id}: the timed requests broke off: {said[-1] if said else 'without a word'}"
        )
    timed = [(seconds, status) for seconds, status in json.loads(done.stdout)]
    if len(timed) < FEWEST:
        raise Timeout(
            f"{target.id}: {len(timed)} reads were answered in time, and p95 takes {FEWEST}: extend it"
        )
    return timed


async def _certificate(site: str, target: LoadBalancer, context: ssl.SSLContext) -> str:
    """The hash of the certificate that a trusted connection shows."""
    _, writer = await asyncio.open_connection(target.address, target.https, ssl=context, server_hostname=site)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return sha256(shown).hexdigest()


def allowed_over(requests: int, percentile: float) -> int:
    """How many of `requests` may be over a budget that `percentile` of all requests is claimed to meet.

    -1 where even none says too little: 58 requests can all be lucky too often for a 95th percentile.
    """
    chance, over = 0.0, -1
    for number in range(requests + 1):
        chance += comb(requests, number) * (1 - percentile) ** number * percentile ** (requests - number)
        if chance > 1 - CONFIDENCE:
            break
        over = number
    return over


def upper_bound(seconds: list[float], percentile: float) -> float | None:
    """What `percentile` of all requests stay below, with CONFIDENCE; None where there are too few."""
    over = allowed_over(len(seconds), percentile)
    return sorted(seconds, reverse=True)[over] if over >= 0 else None


def _shown(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * 1000:.1f}ms"


def _document(answer: Answer) -> Mapping[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if answer.status != 200 or not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise Malformed(f"the list answers {answer.status} and not a JSON object with `items`")
    return document


def _rows(answer: Answer) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in _document(answer)["items"]]


def _following(rows: list[str], answer: Answer | None) -> str:
    """Whether the page after the first goes on where that ended."""
    if answer is None:
        return "no cursor"
    following = set(_rows(answer))
    if not following:
        return "empty"
    return "repeats rows" if following & set(rows) else "follows"


def _parts(answer: Answer) -> list[str]:
    header = answer.headers.get("server-timing", "")
    return [part.split(";")[0].strip() for part in header.split(",") if "dur=" in part]


def _request_id(first: Answer, echo: Answer) -> dict[str, str]:
    """Whether every answer bears an id of its own, and whether the application was told the same one."""
    given = [answer.headers.get(HEADER) for answer in (first, echo)]
    try:
        told = json.loads(echo.body)["headers"].get(HEADER)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed(f"{ECHO} answered something else than the headers it got") from None
    own = all(given) and given[0] != given[1]
    return {
        "request id > of its own": "yes" if own else "no",
        "request id > told to the application": "yes" if told is not None and told == given[1] else "no",
    }
