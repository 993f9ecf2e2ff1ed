"""A list of the application that is read page by page, each page from where the last one ended.

`REGRESSIONS` are the ways in which such a list gets slow or boundless.
"""

import asyncio
import time
from dataclasses import dataclass
from itertools import count

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from scaling_guide.lab.app.settings import Limits

ITEMS = [{"id": number, "name": f"item {number}", "state": "active"} for number in range(1, 1201)]
QUERY_SECONDS = 0.001


@dataclass(frozen=True)
class Regression:
    """What a bad change does to every `each`-th answer, late or failed, and to all: which bound is lost."""

    seconds: float = 0.0
    each: int = 1
    failing: bool = False
    bounded: bool = True
    cursor: bool = True
    default: bool = True


REGRESSIONS = {
    "slow": Regression(seconds=0.055),
    "slow-tail": Regression(seconds=0.3, each=10),
    "failing": Regression(failing=True, each=10),
    "unbounded": Regression(bounded=False),
    "endless": Regression(cursor=False),
    "whole-list": Regression(default=False),
}
AS_INTENDED = Regression()


class Items:
    """The list of one instance."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asked = count(1)

    async def items(self, request: Request) -> Response:
        """At most `limit` rows after `after`, with the cursor of the next page, and what it took."""
        named = request.path_params.get("regression", self._limits.regression)
        change = REGRESSIONS.get(named, AS_INTENDED)
        default = self._limits.page_default if change.default else self._limits.page_most
        try:
            after = int(request.query_params.get("after", 0))
            limit = max(1, int(request.query_params.get("limit", default)))
        except ValueError:
            return PlainTextResponse("`after` and `limit` are numbers\n", 400)
        if change.bounded:
            limit = min(limit, self._limits.page_most)
        begun = time.perf_counter()
        struck = next(self._asked) % change.each == 0
        await asyncio.sleep(QUERY_SECONDS + (change.seconds if struck else 0))
        if struck and change.failing:
            return PlainTextResponse("failed\n", 500)
        # ids are dense here; a database finds the place through the index of the key
        rows = ITEMS[after : after + limit]
        database = time.perf_counter() - begun
        more = change.cursor and after + limit < len(ITEMS)
        answer = JSONResponse({"items": rows, "next": rows[-1]["id"] if rows and more else None})
        total = time.perf_counter() - begun
        timing = f"app;dur={(total - database) * 1000:.2f}, db;dur={database * 1000:.2f}"
        answer.headers.update({"Server-Timing": timing, "Cache-Control": "no-store"})
        return answer
