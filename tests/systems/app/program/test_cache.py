"""The application's cache: one computes what many miss, times to live are spread, and nobody waits for it."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.systems.app.program.cache import Cache, Habits, Places
from tests.systems.redis import servers
from tests.systems.redis.servers import Node

HABITS = Habits(ttl=100.0, jitter=0.1, lock=5.0, timeout=0.5)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with servers.running(tmp_path_factory.mktemp("cache")) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(node: Node) -> Iterator[None]:
    yield
    node.operator.flushall()


def cache_of(node: Node, habits: Habits = HABITS, port: int | None = None) -> Cache:
    address = f"{servers.HOST}:{port or node.target.port}"
    return Cache(Places(address, user="operator", password_file=Path(node.target.password_file)), habits)


async def slow() -> Any:
    await asyncio.sleep(0.1)
    return {"name": "a"}


async def nothing() -> Any:
    return None


def test_fifty_who_miss_at_once_cost_one_computation(node: Node) -> None:
    async def ask() -> list[Any]:
        first, second = cache_of(node), cache_of(node)
        found = await asyncio.gather(*(each.get("a", slow) for each in (first, second) for _ in range(25)))
        assert first.origin_calls + second.origin_calls == 1
        return found

    assert asyncio.run(ask()) == [{"name": "a"}] * 50


def test_without_a_lock_all_who_miss_compute_and_what_they_keep_is_found(node: Node) -> None:
    async def ask() -> int:
        cache = cache_of(node, replace(HABITS, lock=0.0))
        await asyncio.gather(*(cache.get("a", slow) for _ in range(20)))
        assert await cache.get("a", nothing) == {"name": "a"}
        return cache.origin_calls

    assert asyncio.run(ask()) == 20


def test_without_a_cache_everybody_computes() -> None:
    async def ask() -> int:
        cache = Cache(Places(), HABITS)
        await asyncio.gather(*(cache.get("a", slow) for _ in range(50)))
        return cache.origin_calls

    assert asyncio.run(ask()) == 50


def test_times_to_live_are_spread_around_the_documented_one(node: Node) -> None:
    async def ask() -> None:
        cache = cache_of(node)
        await asyncio.gather(*(cache.get(f"k{number}", slow) for number in range(40)))

    asyncio.run(ask())
    lives = [node.operator.ttl(key) for key in node.operator.scan_iter("cache:v1:*")]
    assert len(lives) == 40
    assert 85 <= min(lives) < max(lives) <= 110
    assert max(lives) - min(lives) > 5


def test_that_there_is_nothing_is_kept_for_a_short_time(node: Node) -> None:
    async def ask() -> int:
        cache = cache_of(node)
        assert await cache.get("none", nothing) is None
        assert await cache.get("none", nothing) is None
        return cache.origin_calls

    assert asyncio.run(ask()) == 1
    assert node.operator.ttl("cache:v1:none") <= 30


def test_a_lock_of_somebody_who_died_does_not_last(node: Node) -> None:
    node.operator.set("cache:lock:a", "of the dead", px=200)
    assert asyncio.run(cache_of(node).get("a", slow)) == {"name": "a"}


def test_a_lock_that_went_to_somebody_else_is_left_alone(node: Node) -> None:
    async def late() -> Any:
        await asyncio.to_thread(node.operator.set, "cache:lock:a", "of another")
        return 1

    asyncio.run(cache_of(node).get("a", late))
    assert node.operator.get("cache:lock:a") == "of another"


def test_a_cache_that_is_gone_costs_its_patience_once(node: Node) -> None:
    async def ask() -> float:
        cache = cache_of(node, port=servers.free_port())
        await cache.get("a", nothing)
        begun = time.monotonic()
        for _ in range(50):
            await cache.get("a", nothing)
        return time.monotonic() - begun

    assert asyncio.run(ask()) < 0.1


def test_a_cache_that_is_gone_costs_each_process_one_computation(node: Node) -> None:
    async def ask() -> int:
        cache = cache_of(node, port=1)
        await asyncio.gather(*(cache.get("a", slow) for _ in range(50)))
        return cache.origin_calls

    assert asyncio.run(ask()) == 1


def test_a_value_that_cannot_be_kept_is_not_computed_again(node: Node) -> None:
    async def ask() -> tuple[Any, int]:
        cache = cache_of(node)

        async def while_it_fills_up() -> Any:
            node.operator.config_set("maxmemory", 1)
            return {"name": "a"}

        value = await cache.get("a", while_it_fills_up)
        return value, cache.origin_calls

    try:
        assert asyncio.run(ask()) == ({"name": "a"}, 1)
    finally:
        node.operator.config_set("maxmemory", 0)


def test_who_fails_to_compute_lets_the_next_one_try_at_once(node: Node) -> None:
    async def fails() -> Any:
        raise ConnectionError

    async def ask() -> float:
        cache = cache_of(node)
        with pytest.raises(ConnectionError):
            await cache.get("a", fails)
        begun = time.monotonic()
        await cache.get("a", slow)
        return time.monotonic() - begun

    assert asyncio.run(ask()) < HABITS.lock / 2
