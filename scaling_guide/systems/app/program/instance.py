"""What an instance knows of itself while it runs, and how that shows in every answer."""

import asyncio
import time
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scaling_guide.systems.app.program.cache import Cache
from scaling_guide.systems.app.program.database import Database
from scaling_guide.systems.app.program.settings import Options

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)


@dataclass
class Instance:
    """One running instance."""

    options: Options
    started: float = field(default_factory=time.monotonic)
    draining: bool = False
    cache: Cache = field(init=False)
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.cache = Cache(self.options.places, self.options.habits)
        self.database = Database(self.options.databases, self.options.patience)

    @property
    def has_started(self) -> bool:
        """Whether the slow part of the start is over."""
        return time.monotonic() - self.started >= self.options.startup_seconds


class Metrics:
    """What Prometheus scrapes: requests, their duration, how many are in flight, whether it drains."""

    def __init__(self, instance: Instance) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter("http_requests", "Requests answered", ("path", "status"), registry=registry)
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request to the last byte",
            ("path",),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered", registry=registry)
        draining = Gauge("app_draining", "1 while new work is refused", registry=registry)
        draining.set_function(lambda: instance.draining)


class Answering:
    """ASGI middleware for every request: names the instance, bounds the time, asks clients to leave while
    draining, and measures."""

    def __init__(self, app: ASGIApp, instance: Instance, metrics: Metrics) -> None:
        self._app, self._instance, self._metrics = app, instance, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        options = self._instance.options
        status: int | None = None

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Instance"] = options.instance
                headers["X-Version"] = options.version
                if self._instance.draining:
                    headers["Connection"] = "close"
            await send(message)

        begun = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            async with asyncio.timeout(options.limits.request_timeout):
                await self._app(scope, receive, named)
        except TimeoutError:
            if status is not None:
                raise
            await PlainTextResponse("gave up: the request took too long\n", 503)(scope, receive, named)
        finally:
            self._metrics.in_flight.dec()
            # the pattern, not the path, so that the number of series stays bounded
            path = scope["route"].path if "route" in scope else "unknown"
            self._metrics.requests.labels(path, status or 500).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - begun)
