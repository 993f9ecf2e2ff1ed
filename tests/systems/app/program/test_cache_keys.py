"""The keys that the application writes are those that are documented, and live no longer."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scaling_guide.systems.app.program.cache import Cache, Habits, Places, routes
from scaling_guide.systems.app.program.orders import through
from tests.systems.redis import servers
from tests.verify.observations import guide

HABITS = Habits(ttl=100.0, jitter=0.1, lock=5.0, timeout=0.5)
LONGEST = {
    "cache:lock:": HABITS.lock,
    "cache:v1:front:": 110.0,
    "cache:v1:value:": 110.0,
    "cache:v1:orders:": 110.0,
}


class Answering:
    """A database whose replica has an answer."""

    @property
    def readers(self) -> "Answering":
        return self

    async def run(self, work: Any, spent: Any) -> Response:
        return JSONResponse({"orders": []})


def test_every_key_belongs_to_a_documented_class_and_lives_no_longer(tmp_path: Path) -> None:
    """Those of the routes and of the front page, and the locks, as they are at any moment."""
    seen: dict[str, int] = {}
    with servers.running(tmp_path / "cache") as node:

        def look() -> None:
            for _ in range(40):
                seen.update(
                    {key: node.operator.pttl(key) for key in node.operator.scan_iter("*", count=1000)}
                )
                time.sleep(0.002)

        async def ask() -> None:
            address = f"{servers.HOST}:{node.target.port}"
            places = Places(address, user="operator", password_file=Path(node.target.password_file))
            cache = Cache(places, HABITS)
            orders = Route("/cached/customers/{customer}/orders", through(cache, Answering()))  # type: ignore
            known = [orders, *routes(places, HABITS, cache, "app-1")]
            transport = httpx.ASGITransport(app=Starlette(routes=known))
            warming = asyncio.create_task(cache.keep_warm())
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                asked = (client.get(f"/cached/{name}?ms=40") for name in ("a", "b", "customers/7/orders"))
                await asyncio.gather(asyncio.to_thread(look), *asked)
            await asyncio.to_thread(look)
            warming.cancel()

        asyncio.run(ask())

    documented = {keys.begins for keys in guide().cache_keys.values() if keys.kind != "session"}
    assert documented == LONGEST.keys()
    assert {begins for key in seen for begins in documented if key.startswith(begins)} == documented
    assert [key for key in seen if not key.startswith(tuple(documented))] == []
    for begins, seconds in LONGEST.items():
        assert all(left <= seconds * 1000 for key, left in seen.items() if key.startswith(begins))
