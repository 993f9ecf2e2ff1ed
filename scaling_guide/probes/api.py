"""How fast a list of the application answers through a load balancer, and whether it bounds what it gives.

Fast is held against a budget by an exact rule. Of `n` answers in a row the `k`-th slowest is, with the
confidence below, an upper bound of the percentile: with 59 answers the slowest one bounds the 95th
percentile, with 93 the second slowest, which forgives one hiccup. The number is fixed beforehand: to go on
until the result pleases is not the same test.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from math import comb
from typing import Any
from urllib.parse import quote

from scaling_guide.model.environments import Environment, LoadBalancer
from scaling_guide.probes import http
from scaling_guide.probes.observation import Found, Malformed, Unsupported
from scaling_guide.probes.web import Answer, Client

CONFIDENCE = 0.95
READS = 93
"""Requests that are timed: the fewest with which one answer over the budget is still within it, at p95."""

AT_ONCE = 4
TRIES = 3
LARGE = 100_000
REQUESTS = READS + 4
"""Those that are timed, one with a huge limit, the first page and the next, and one that shows its headers."""

HEADER = "x-request-id"
ECHO = "/whoami"


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """Latency, limits and headers of the environment's list behind `target`.

    Raises as the `http` probe does, and Unsupported where there is no such list.
    """
    ends = time.monotonic() + deadline
    return http.known(target, ends, lambda context: _look(environment, target, context))


async def _look(environment: Environment, target: LoadBalancer, context: ssl.SSLContext) -> Found:
    path, most = environment.api, 2**23
    async with Client(target.address, target.https, environment.site, context, most) as client:
        first = await _answer(client, path)
        if first.status in (404, 405):
            raise Unsupported(f"{target.id}: {path} answers {first.status}: name the `api` to look at")
        rows = _rows(first)
        cursor = _document(first).get("next")
        following = await _answer(client, f"{path}?after={quote(str(cursor))}") if cursor is not None else None
        large = await _answer(client, f"{path}?limit={LARGE}")
        echo = await client.ask(ECHO)
        timed = await _timed(client, path)
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
    """An answer, and after a server error another one: errors are counted elsewhere, and hide nothing here."""
    for _ in range(TRIES):
        answer = await client.ask(path)
        if answer.status < 500:
            break
    return answer


async def _timed(client: Client, path: str) -> list[tuple[float, int]]:
    """Seconds and status of each request, a few at a time and each timed for itself."""
    left = list(range(READS))
    spent: list[tuple[float, int]] = []

    async def one_after_the_other() -> None:
        while left:
            left.pop()
            begun = time.perf_counter()
            answer = await client.ask(path)
            spent.append((time.perf_counter() - begun, answer.status))

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return spent


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
