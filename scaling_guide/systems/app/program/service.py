"""The routes of the application."""

import asyncio
from itertools import count

from cryptography.fernet import Fernet, InvalidToken
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scaling_guide.lab.ledger import Ledger
from scaling_guide.systems.app.program import cache, events, items, orders, pages
from scaling_guide.systems.app.program.instance import Answering, Instance, Metrics

SESSION_SECONDS = 3600
LONGEST_WAIT_SECONDS = 60.0
MOST_BYTES = 10_000_000
ROW = '{"name": "example", "state": "active", "balance": 1234},'
FROM_PROXIES = (
    *("host", "connection", "forwarded", "via", "x-real-ip", "x-request-id"),
    *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"),
)


def application(instance: Instance) -> Starlette:
    """The ASGI application of one instance."""
    metrics = Metrics(instance)
    service = Service(instance, metrics)
    return Starlette(
        routes=[
            Route("/livez", service.livez),
            Route("/readyz", service.readyz),
            Route("/startupz", service.startupz),
            Route("/about", service.about),
            Route("/whoami", service.whoami),
            Route("/work", service.work),
            Route("/slow", service.slow),
            Route("/fail", service.fail),
            Route("/cacheable", service.cacheable),
            Route("/big", service.big),
            Route("/session", service.session),
            Route("/orders", service.execute, methods=["POST"]),
            Route("/orders", service.orders),
            Route("/orders/{order}", service.order),
            Route("/metrics", service.metrics),
            Route("/", pages.page),
            Route("/assets/{name}", pages.asset),
            Route("/regressions/{regression}/", pages.page),
            Route("/regressions/{regression}/assets/{name}", pages.asset),
            *items.routes(instance.options.limits, instance.database),
            *orders.routes(instance.database, instance.cache),
            *events.routes(instance.database),
            *cache.routes(
                instance.options.places,
                instance.options.habits,
                instance.cache,
                instance.options.instance,
            ),
        ],
        middleware=[Middleware(Answering, instance=instance, metrics=metrics)],
    )


class Service:
    """What each route answers."""

    def __init__(self, instance: Instance, metrics: Metrics) -> None:
        self._instance, self._options, self._metrics = instance, instance.options, metrics
        self._ledger = Ledger(self._options.ledger)
        self._sessions = Fernet(self._options.session_key.read_bytes())
        self._cacheable_served = count(1)

    # ----------------------------------------------------------------------------------------- health

    async def livez(self, request: Request) -> Response:
        """Whether the process answers at all; nothing else may make it fail."""
        return self._health("alive", self._options.limits.liveness_status)

    async def readyz(self, request: Request) -> Response:
        """Whether this instance wants new work."""
        if self._instance.draining:
            return self._health("draining", 503)
        return await self.startupz(request)

    async def startupz(self, request: Request) -> Response:
        """Whether the slow part of the start is over."""
        return self._health("started", 200) if self._instance.has_started else self._health("starting", 503)

    def _health(self, word: str, status: int) -> Response:
        cache_control = self._options.limits.health_cache_control
        return PlainTextResponse(f"{word}\n", status, {"Cache-Control": cache_control})

    # ------------------------------------------------------------------------------------- about itself

    async def about(self, request: Request) -> Response:
        """The limits that this process runs with."""
        limits = self._options.limits
        return self._json(
            version=self._options.version,
            keep_alive=f"{limits.keep_alive:g}s",
            drain=f"{limits.drain:g}s",
            shutdown=f"{limits.shutdown:g}s",
            request_timeout=f"{limits.request_timeout:g}s",
            page_default=limits.page_default,
            page_most=limits.page_most,
            cache_ttl=f"{limits.cache_ttl:g}s",
            cache_jitter=limits.cache_jitter,
            cache_lock=f"{limits.cache_lock:g}s",
            cache_timeout=f"{limits.cache_timeout * 1000:g}ms",
            pool_size=limits.pool_size,
            pool_timeout=f"{limits.pool_timeout:g}s",
            pool_lifetime=f"{limits.pool_lifetime:g}s",
            connect_timeout=f"{limits.connect_timeout:g}s",
            database_timeout=f"{limits.database_timeout:g}s",
        )

    async def whoami(self, request: Request) -> Response:
        """Who answers, and what reached it of the client through the proxies in front."""
        return self._json(
            version=self._options.version,
            client=request.client.host if request.client else None,
            http=request.scope["http_version"],
            headers={name: request.headers[name] for name in FROM_PROXIES if name in request.headers},
        )

    async def metrics(self, request: Request) -> Response:
        """The metrics in Prometheus' text format."""
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return Response(generate_latest(self._metrics.registry), headers=headers)

    # ---------------------------------------------------------------------------------------------- work

    async def work(self, request: Request) -> Response:
        """A request that waits `ms` milliseconds, as one does for a database."""
        milliseconds = _number(request, "ms", 20, most=LONGEST_WAIT_SECONDS * 1000)
        await asyncio.sleep(milliseconds / 1000)
        return self._json(ms=milliseconds)

    async def slow(self, request: Request) -> Response:
        """A request that waits `seconds`."""
        seconds = _number(request, "seconds", 5, most=LONGEST_WAIT_SECONDS)
        await asyncio.sleep(seconds)
        return self._json(seconds=seconds)

    async def fail(self, request: Request) -> Response:
        """An answer with the `status` asked for."""
        return PlainTextResponse("failed on request\n", int(_number(request, "status", 500, 400, 599)))

    async def cacheable(self, request: Request) -> Response:
        """Something that a shared cache may keep for `s` seconds.

        `served` counts how often this instance was asked all the same.
        """
        seconds = int(_number(request, "s", 10, most=86_400))
        # a weak tag: the content means the same while instance and counter differ
        etag = f'W/"{self._options.version}"'
        headers = {"Cache-Control": f"public, max-age=0, s-maxage={seconds}", "ETag": etag}
        served = next(self._cacheable_served)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        answer = self._json(served=served)
        answer.headers.update(headers)
        return answer

    async def big(self, request: Request) -> Response:
        """About `bytes` bytes of JSON, which compress well."""
        size = int(_number(request, "bytes", 200_000, most=MOST_BYTES))
        return Response(f"[{ROW * (size // len(ROW))}{{}}]", media_type="application/json")

    async def session(self, request: Request) -> Response:
        """A count of visits in a signed cookie, so that any instance can go on with it."""
        try:
            token = request.cookies.get("session", "")
            visits = int(self._sessions.decrypt(token, ttl=SESSION_SECONDS)) + 1
        except InvalidToken:
            visits = 1
        answer = self._json(visits=visits)
        answer.headers["Cache-Control"] = "no-store"
        answer.set_cookie(
            "session",
            self._sessions.encrypt(str(visits).encode()).decode(),
            max_age=SESSION_SECONDS,
            secure=True,
            httponly=True,
            samesite="lax",
        )
        return answer

    # -------------------------------------------------------------------------------------------- orders

    async def execute(self, request: Request) -> Response:
        """Execute the order named by Idempotency-Key, or by `id` in a JSON body, in `ms` milliseconds.

        An order that comes again is executed again: the ledger is there to show it.
        """
        order = request.headers.get("idempotency-key") or await _id_in_body(request)
        if not order:
            return PlainTextResponse("name the order: Idempotency-Key, or `id` in a JSON body\n", 400)
        self._ledger.add(order, self._options.instance)
        await asyncio.sleep(_number(request, "ms", 0, most=LONGEST_WAIT_SECONDS * 1000) / 1000)
        return self._json(201, order=order)

    async def order(self, request: Request) -> Response:
        """How often one order was executed, and where."""
        order = request.path_params["order"]
        instances = self._ledger.executions().get(order, [])
        status = 200 if instances else 404
        return self._json(status, order=order, executions=len(instances), executed_by=instances)

    async def orders(self, request: Request) -> Response:
        """How many orders there are, and which of them were executed more than once."""
        times = {order: len(instances) for order, instances in self._ledger.executions().items()}
        repeated = {order: number for order, number in times.items() if number > 1}
        return self._json(orders=len(times), executions=sum(times.values()), repeated=repeated)

    def _json(self, status: int = 200, **content: object) -> JSONResponse:
        return JSONResponse({"instance": self._options.instance, **content}, status)


def _number(request: Request, name: str, default: float, least: float = 0, most: float = 0) -> float:
    """A number from the query, kept within bounds; the default where it is missing or no number."""
    try:
        return min(max(float(request.query_params[name]), least), most)
    except (KeyError, ValueError):
        return default


async def _id_in_body(request: Request) -> str:
    try:
        return str((await request.json())["id"])
    except (ValueError, KeyError, TypeError):
        return ""
