"""The application's cache and its sessions, both in Redis, and neither able to take the application down.

Cache-aside: look, compute what is missing, keep it for a while. Three things are added that the plain form
lacks: times to live are spread, one process computes what many miss, and a cache that does not answer is left
alone for a moment instead of waited for. Meanwhile each process computes a value once for all who ask for it.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scaling_guide.model.units import Unit, meaning

# raised when the form of the values changes, so that no release reads what another has written
GENERATION = "v1"
NEGATIVE_SECONDS = 30.0
BREAK_SECONDS = 1.0
# between two looks of who waits for another's computation: at first, and at most
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.02, 0.25
SESSION_SECONDS = 3600

# what the front page needs, read again and again as the front page is
HOT_KEYS = 400
HOT_AT_ONCE = 20
HOT_PAUSE_SECONDS = 0.05

# deletes the lock only if it is still the one that was taken
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

Origin = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Places:
    """Where cache and sessions are. Each None where there is none; addresses are `host:port`.

    `sessions` is one server, whatever the Sentinels say: a fault.
    """

    cache: str | None = None
    sentinels: tuple[str, ...] = ()
    service: str = "sessions"
    sessions: str | None = None
    user: str = "app"
    password_file: Path | None = None

    @property
    def password(self) -> str | None:
        return self.password_file.read_text() if self.password_file else None


@dataclass(frozen=True)
class Habits:
    """How values are kept: seconds to live, jitter as a share of it, seconds of lock and of patience.

    Where the lock is 0 there is none, and whoever misses computes.
    """

    ttl: float
    jitter: float
    lock: float
    timeout: float

    def spread(self) -> float:
        """A time to live, in seconds, that few other keys have."""
        return self.ttl * random.uniform(1 - self.jitter, 1 + self.jitter)


def ratio(written: str) -> float:
    return float(meaning(written, Unit.RATIO))


class Cache:
    """Values by name, computed when missing. Without a server, or while it is silent, all are."""

    def __init__(self, places: Places, habits: Habits) -> None:
        self._habits = habits
        self._client = _client(places.cache, places, habits) if places.cache else None
        self._closed_until = 0.0
        self._computing: dict[str, asyncio.Task[Any]] = {}
        self.origin_calls = 0

    async def get(self, name: str, origin: Origin) -> Any:
        """The value of that name, from the cache or from `origin`. Raises what `origin` raises."""
        if self._client is None:
            return await self._compute(origin)
        if time.monotonic() < self._closed_until:
            return await self._together(name, origin)
        try:
            return await self._through(self._client, name, origin)
        except RedisError:
            self._break()
            return await self._together(name, origin)

    async def _through(self, client: Redis, name: str, origin: Origin) -> Any:
        key, lock, token = f"cache:{GENERATION}:{name}", f"cache:lock:{name}", token_hex(8)
        deadline, pause = time.monotonic() + self._habits.lock, WAIT_SECONDS
        while (kept := await client.get(key)) is None:
            if not self._habits.lock:
                value = await self._compute(origin)
                await self._keep(client, key, value)
                return value
            if await client.set(lock, token, nx=True, px=round(self._habits.lock * 1000)):
                try:
                    value = await self._compute(origin)
                    await self._if_it_answers(self._keep(client, key, value))
                finally:
                    # also where there is no value: the next one tries at once
                    await self._if_it_answers(client.eval(_RELEASE, 1, lock, token))
                return value
            if time.monotonic() >= deadline:
                return await self._together(name, origin)
            await asyncio.sleep(pause)
            # many who look often would be a load of their own
            pause = min(2 * pause, LONGEST_WAIT_SECONDS)
        return json.loads(kept)

    async def _if_it_answers(self, asked: Awaitable[Any]) -> None:
        """Have the cache do something that nobody needs to know about."""
        try:
            await asked
        except RedisError:
            self._break()

    def _break(self) -> None:
        self._closed_until = time.monotonic() + BREAK_SECONDS

    async def _together(self, name: str, origin: Origin) -> Any:
        """One computation for all who ask in this process while it lasts."""
        if name not in self._computing:
            computing = asyncio.ensure_future(self._compute(origin))
            computing.add_done_callback(lambda _: self._computing.pop(name))
            self._computing[name] = computing
        return await asyncio.shield(self._computing[name])

    async def _keep(self, client: Redis, key: str, value: Any) -> None:
        # that there is nothing is worth knowing too, but not for long
        seconds = self._habits.spread() if value is not None else NEGATIVE_SECONDS
        await client.set(key, json.dumps(value), px=round(seconds * 1000))

    async def _compute(self, origin: Origin) -> Any:
        self.origin_calls += 1
        return await origin()

    async def keep_warm(self) -> None:
        """Read the front page's values for ever, a few at a time, and compute those that are missing."""
        names = [f"front:{number}" for number in range(HOT_KEYS)]
        while self._client is not None:
            for begin in range(0, HOT_KEYS, HOT_AT_ONCE):
                with suppress(RedisError):
                    await self._warm(self._client, names[begin : begin + HOT_AT_ONCE])
                await asyncio.sleep(HOT_PAUSE_SECONDS)

    async def _warm(self, client: Redis, names: Sequence[str]) -> None:
        keys = [f"cache:{GENERATION}:{name}" for name in names]
        kept = await client.mget(keys)
        for key, value in zip(keys, kept, strict=True):
            if value is None:
                await self._keep(client, key, {"teaser": key})


class Sessions:
    """A count of visits for each session, in the store that Sentinel says is the master now."""

    def __init__(self, places: Places, habits: Habits) -> None:
        login = {"username": places.user, "password": places.password, "protocol": 2}
        nodes = [_address(each) for each in places.sentinels]
        patience = {"socket_timeout": habits.timeout, "socket_connect_timeout": habits.timeout}
        connecting = {**login, **patience, **_QUIET}
        sentinel = Sentinel(nodes, sentinel_kwargs=connecting, **connecting)  # type: ignore[no-untyped-call]
        pinned = _client(places.sessions, places, habits) if places.sessions else None
        self._store: Redis = pinned or sentinel.master_for(places.service, decode_responses=True)

    async def visit(self, session: str) -> int:
        """Count one visit. Raises RedisError where no master takes it."""
        async with self._store.pipeline(transaction=True) as pipeline:
            pipeline.incr(f"session:{session}")
            pipeline.expire(f"session:{session}", SESSION_SECONDS)
            visits, _ = await pipeline.execute()
        return int(visits)


# the third protocol and CLIENT SETINFO are not for a user with few rights
_QUIET: dict[str, Any] = {"driver_info": None}


def _client(address: str, places: Places, habits: Habits) -> Redis:
    host, port = _address(address)
    return Redis(
        host=host,
        port=port,
        username=places.user,
        password=places.password,
        socket_timeout=habits.timeout,
        socket_connect_timeout=habits.timeout,
        decode_responses=True,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        **_QUIET,
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


# ------------------------------------------------------------------------------------------------ routes


def routes(places: Places, habits: Habits, cache: Cache, instance: str) -> list[Route]:
    """`/cached/NAME` and, where there are Sentinels, `/visits/SESSION`."""
    sessions = Sessions(places, habits) if places.sentinels else None

    async def cached(request: Request) -> Response:
        """A value that takes `ms` milliseconds to compute, and whether this request had to."""
        computed = False

        async def origin() -> Any:
            nonlocal computed
            computed = True
            await asyncio.sleep(min(5000, int(request.query_params.get("ms", "50"))) / 1000)
            return {"name": request.path_params["name"]}

        value = await cache.get(f"value:{request.path_params['name']}", origin)
        return JSONResponse({"instance": instance, "value": value, "computed": computed})

    async def visits(request: Request) -> Response:
        """How often this session was here; 503 while no master takes the visit."""
        assert sessions is not None
        try:
            count = await sessions.visit(request.path_params["session"])
        except (RedisError, OSError):
            return JSONResponse({"instance": instance}, 503, {"Retry-After": "1"})
        return JSONResponse({"instance": instance, "visits": count})

    return [
        Route("/cached/{name}", cached),
        *([Route("/visits/{session}", visits)] if sessions else []),
    ]
