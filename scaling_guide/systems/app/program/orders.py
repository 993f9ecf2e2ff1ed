"""The orders of customers: read one or a customer's newest, and take new ones."""

import json
import random
from typing import Any

from psycopg.errors import ForeignKeyViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scaling_guide.systems.app.program.cache import Cache
from scaling_guide.systems.app.program.database import (
    Database,
    Endpoint,
    Session,
    Spent,
    Unavailable,
    endpoint,
    json_answer,
    unavailable,
)

LONGEST_SECONDS = 5.0
# how many customers there are, and so whose order it may be when nobody says
CUSTOMERS = 10_000

_NEWEST = """
select id, status, total, created_at from app.orders
where customer_id = %s::bigint order by created_at desc limit 20
"""
_ONE = "select id, customer_id, status, total, created_at from app.orders where id = %s::bigint"
_NEW = """
insert into app.orders (customer_id, status, total, created_at)
values (%s::bigint, 'open', %s::numeric, now()) returning id
"""


async def newest(request: Request, session: Session) -> Response:
    """The newest orders of a customer; none for one who has none."""
    customer = request.path_params["customer"]
    return json_answer({"customer": customer, "orders": await session.rows(_NEWEST, customer)})


async def one(request: Request, session: Session) -> Response:
    """One order, or 404."""
    found = await session.rows(_ONE, request.path_params["order"])
    return json_answer(found[0]) if found else json_answer({"error": "there is no such order"}, 404)


async def new(request: Request, session: Session) -> Response:
    """Take an order of `customer_id` over `total`, each of which may be left out, and tell its `id`."""
    wanted = await document(request)
    customer = wanted.get("customer_id", random.randint(1, CUSTOMERS))
    try:
        rows = await session.rows(_NEW, str(customer), str(wanted.get("total", "10.00")))
    except ForeignKeyViolation:
        return json_answer({"error": "there is no such customer"}, 404)
    return json_answer(rows[0], 201)


async def document(request: Request) -> dict[str, Any]:
    """The JSON object in the body; empty where there is none."""
    try:
        found = await request.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def through(cache: Cache, database: Database) -> Endpoint:
    """The newest orders of a customer from the cache, and from the database where they are missing.

    With `ms` the database takes so many milliseconds longer, as it does for a report.
    """

    async def answered(request: Request) -> Response:
        seconds = min(LONGEST_SECONDS, int(request.query_params.get("ms", "0")) / 1000)

        async def work(session: Session) -> Response:
            if seconds:
                await session.rows("select pg_sleep(%s::float)", seconds)
            return await newest(request, session)

        async def origin() -> Any:
            if database.readers is None:
                raise Unavailable("this instance has no database")
            return json.loads(bytes((await database.readers.run(work, Spent())).body))

        try:
            return JSONResponse(await cache.get(f"orders:{request.path_params['customer']}", origin))
        except Unavailable as error:
            return unavailable(error)

    return answered


def routes(database: Database, cache: Cache) -> list[Route]:
    """`/api/customers/ID/orders`, which may be late, `/api/orders`, which is right, and the first cached."""
    return [
        Route("/api/customers/{customer:int}/orders", endpoint(database.readers, newest)),
        Route("/cached/customers/{customer:int}/orders", through(cache, database)),
        Route("/api/orders/{order:int}", endpoint(database.primary, one)),
        Route("/api/orders", endpoint(database.primary, new), methods=["POST"]),
    ]
