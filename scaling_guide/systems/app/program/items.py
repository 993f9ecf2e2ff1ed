"""A list of the application that is read page by page, each page from where the last one ended.

`REGRESSIONS` are the ways in which such a list gets slow or boundless.
"""

from dataclasses import dataclass
from itertools import count

import psycopg
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scaling_guide.systems.app.program.database import Database, Session, endpoint, json_answer
from scaling_guide.systems.app.program.settings import Limits

# the index of the key finds the place; one row more than the page tells whether another page follows
_PAGE = "select id, name, state from app.items where id > %s::bigint order by id limit %s::bigint + 1"
_KEYS = "select id from app.items where id > %s::bigint order by id limit %s::bigint + 1"
_ITEM = "select id, name, state from app.items where id = %s::bigint"
_SLOW = "select pg_sleep(%s)"
_FAILING = "select 1 / 0"


@dataclass(frozen=True)
class Regression:
    """What a bad change does to every `each`-th answer, late or failed, and to all: which bound is lost, or
    whether rows are fetched one by one."""

    seconds: float = 0.0
    each: int = 1
    failing: bool = False
    bounded: bool = True
    cursor: bool = True
    default: bool = True
    one_by_one: bool = False


REGRESSIONS = {
    "slow": Regression(seconds=0.055),
    "slow-tail": Regression(seconds=0.3, each=10),
    "failing": Regression(failing=True, each=10),
    "unbounded": Regression(bounded=False),
    "endless": Regression(cursor=False),
    "whole-list": Regression(default=False),
    "one-by-one": Regression(one_by_one=True),
}
AS_INTENDED = Regression()


class Items:
    """The list of one instance."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asked = count(1)

    async def items(self, request: Request, session: Session) -> Response:
        """At most `limit` rows after `after`, with the cursor of the next page."""
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
        if next(self._asked) % change.each == 0:
            try:
                await _strike(change, session)
            except psycopg.DataError:
                return PlainTextResponse("failed\n", 500)
        found = await session.rows(_KEYS if change.one_by_one else _PAGE, after, limit)
        rows = found[:limit]
        if change.one_by_one:
            rows = [row for key in rows for row in await session.rows(_ITEM, key["id"])]
        more = change.cursor and len(found) > limit
        return json_answer({"items": rows, "next": rows[-1]["id"] if more else None})


async def _strike(change: Regression, session: Session) -> None:
    """What a bad change adds to an answer. Raises psycopg.DataError where it fails."""
    if change.seconds:
        await session.rows(_SLOW, change.seconds)
    if change.failing:
        await session.rows(_FAILING)


def routes(limits: Limits, database: Database) -> list[Route]:
    """`/api/items`, and the same as each bad change left it."""
    items = endpoint(database.readers, Items(limits).items)
    return [Route("/api/items", items), Route("/regressions/{regression}/api/items", items)]
