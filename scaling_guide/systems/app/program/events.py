"""Events, which are written and counted and never changed."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scaling_guide.systems.app.program.database import Database, Session, endpoint, json_answer
from scaling_guide.systems.app.program.orders import document

LONGEST_KIND = 40

_NEW = "insert into app.events (at, kind) values (now(), %s) returning id"


async def new(request: Request, session: Session) -> Response:
    """Note an event of a `kind`, which may be left out, and tell its `id`."""
    kind = str((await document(request)).get("kind", "visit"))[:LONGEST_KIND]
    return json_answer((await session.rows(_NEW, kind))[0], 201)


def routes(database: Database) -> list[Route]:
    """`/api/events`."""
    return [Route("/api/events", endpoint(database.primary, new), methods=["POST"])]
