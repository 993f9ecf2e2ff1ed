"""What a list of the application gives through a load balancer: its bounds, its next page, its headers."""

import json
import re
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import Found, Malformed, Unsupported
from scaling_guide.systems.web import http
from scaling_guide.systems.web.client import Answer, Client

REQUESTS = 4
"""The first page and the next, one with a huge limit, and one that shows which headers arrive."""

LARGE = 100_000
LONGEST_LIST = 2**23
HEADER = "x-request-id"


def probe(environment: Environment, target: LoadBalancer, deadline: float) -> Found:
    """The bounds and headers of the environment's list behind `target`.

    Raises as the `http` probe does, and Unsupported where there is no such list.
    """
    ends = time.monotonic() + deadline
    return http.known(target, ends, lambda context: _look(environment, target, context))


async def _look(environment: Environment, target: LoadBalancer, context: ssl.SSLContext) -> Found:
    path = environment.api
    async with Client(target.address, target.https, environment.site, context, LONGEST_LIST) as client:
        first = await client.ask(path)
        if first.status in (404, 405):
            raise Unsupported(f"{target.id}: {path} answers {first.status}: name the `api` to look at")
        rows, cursor = _rows(first), _document(first).get("next")
        following = await client.ask(f"{path}?after={quote(str(cursor))}") if cursor is not None else None
        large = await client.ask(f"{path}?limit={LARGE}")
        whoami = environment.capabilities.get("whoami")
        echo = await client.ask(whoami) if whoami else None
    return "", {
        "list > rows": len(rows),
        "list > rows at most": len(_rows(large)),
        "list > next page": _following(rows, following),
        "server timing > parts": _parts(first),
        "server timing > statements": _statements(first),
        **(_request_id(first, echo) if echo else {}),
    }


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


def _statements(answer: Answer) -> int | None:
    """How many statements the database was asked for this answer; None where it does not tell."""
    found = re.search(r'desc="statements: (\d+)"', answer.headers.get("server-timing", ""))
    return int(found[1]) if found else None


def _request_id(first: Answer, echo: Answer) -> dict[str, str]:
    """Whether every answer bears an id of its own, and whether the application was told the same one."""
    given = [answer.headers.get(HEADER) for answer in (first, echo)]
    try:
        told = json.loads(echo.body)["headers"].get(HEADER)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("an answer holds something else than the headers it got") from None
    own = all(given) and given[0] != given[1]
    return {
        "request id > of its own": "yes" if own else "no",
        "request id > told to the application": "yes" if told is not None and told == given[1] else "no",
    }
