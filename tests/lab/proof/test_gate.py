"""Nobody looks while what he looks at is taken away, and whoever takes it away need not wait for long."""

import asyncio
from collections.abc import Awaitable, Callable

from scaling_guide.lab.proof.gate import Gate


def run(act: Callable[[Gate, list[str]], Awaitable[None]]) -> list[str]:
    """What happened, in order."""
    told: list[str] = []

    async def mended() -> None:
        told.append("mended")

    async def acting() -> None:
        async with asyncio.timeout(5):
            await act(Gate(mended), told)

    asyncio.run(acting())
    return told


async def look(gate: Gate, told: list[str], name: str, over: asyncio.Event | None = None) -> None:
    async with gate.shared():
        told.append(f"{name} in")
        if over:
            await over.wait()
        told.append(f"{name} out")


async def take(gate: Gate, told: list[str], over: asyncio.Event | None = None) -> None:
    async with gate.alone():
        told.append("alone in")
        if over:
            await over.wait()
        told.append("alone out")


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_many_look_at_the_same_time() -> None:
    async def act(gate: Gate, told: list[str]) -> None:
        over = asyncio.Event()
        looks = [asyncio.create_task(look(gate, told, name, over)) for name in ("one", "two")]
        await settle()
        assert told == ["one in", "two in"]
        over.set()
        await asyncio.gather(*looks)

    run(act)


def test_one_who_wants_it_alone_waits_for_those_who_look_and_comes_before_those_who_want_to() -> None:
    async def act(gate: Gate, told: list[str]) -> None:
        over = asyncio.Event()
        tasks = [asyncio.create_task(look(gate, told, "first", over))]
        await settle()
        tasks += [asyncio.create_task(take(gate, told)), asyncio.create_task(look(gate, told, "second"))]
        await settle()
        assert told == ["first in"]
        over.set()
        await asyncio.gather(*tasks)

    assert run(act) == ["first in", "first out", "alone in", "alone out", "mended", "second in", "second out"]


def test_two_are_never_alone_at_the_same_time() -> None:
    async def act(gate: Gate, told: list[str]) -> None:
        await asyncio.gather(take(gate, told), take(gate, told))

    assert run(act) == ["alone in", "alone out", "mended"] * 2
