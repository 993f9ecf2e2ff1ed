import asyncio
import json
from collections.abc import Callable

from scaling_guide.lab import control
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.owner import Owner
from scaling_guide.lab.server import Server
from tests.lab.conftest import becomes, bind
from tests.lab.fleets import listener


async def ask(where: Lab, line: str) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(where.control)
    writer.write(line.encode() + b"\n")
    answer: dict[str, object] = json.loads(await reader.readline())
    writer.close()
    return answer


def test_only_the_owner_of_the_lab_may_ask(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        async with control.serve(owner, asyncio.Event()):
            assert where.control.stat().st_mode & 0o777 == 0o600
        assert not where.control.exists()

    run([], act)


def test_a_socket_that_a_dead_lab_left_is_replaced(where: Lab, run: Callable[..., None]) -> None:
    where.control.touch()

    async def act(owner: Owner) -> None:
        async with control.serve(owner, asyncio.Event()):
            assert (await ask(where, "status"))["ok"] is True

    run([], act)


def test_down_is_answered_and_passed_on(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        stop = asyncio.Event()
        async with control.serve(owner, stop):
            assert not stop.is_set()
            assert (await ask(where, "down"))["ok"] is True
            assert stop.is_set()

    run([], act)


def test_a_request_that_makes_no_sense_is_refused_with_what_would(
    where: Lab, run: Callable[..., None]
) -> None:
    async def act(owner: Owner) -> None:
        async with control.serve(owner, asyncio.Event()):
            for line in ("", "stop", "stop one two", "start light soon", "explode light"):
                answer = await ask(where, line)
                assert answer["ok"] is False
                assert f"`{line}` is no request: use status, up, down, or one of start" in str(
                    answer["reason"]
                )

    run([], act)


def test_what_is_under_way_is_given_up_when_the_lab_stops(where: Lab, run: Callable[..., None]) -> None:
    async def never(pid: int) -> str | None:
        return "it waits for the end"

    async def act(owner: Owner) -> None:
        async with control.serve(owner, asyncio.Event()):
            reader, writer = await asyncio.open_unix_connection(where.control)
            writer.write(b"start slow\n")
            await becomes(owner, "slow", "starting")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        # the lock of the operation is free again
        await owner.stop("slow")

    run([Server(**{**vars(listener("slow", bind(where, 40))), "ready": never})], act)


def test_a_start_may_be_given_less_time_than_the_server_takes(where: Lab, run: Callable[..., None]) -> None:
    async def never(pid: int) -> str | None:
        return "nothing there"

    async def act(owner: Owner) -> None:
        async with control.serve(owner, asyncio.Event()):
            answer = await ask(where, "start light 0.2")
            assert answer["reason"] == "light is not ready: nothing there after 0.2 s"

    run([Server(**{**vars(listener("light", bind(where, 40))), "ready": never})], act)
