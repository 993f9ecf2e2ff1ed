"""The control socket of a lab: one line in (`reload SERVER`), one line of JSON out."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from scaling_guide.lab.layout import LabError
from scaling_guide.lab.owner import Owner, failure


@contextlib.asynccontextmanager
async def serve(owner: Owner, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answer requests until the context ends; `down` sets `stop`."""

    answering: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        task.add_done_callback(answering.discard)
        try:
            request = (await reader.readline()).decode()
            writer.write(json.dumps(await _answer(owner, stop, request.split())).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    owner.lab.control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(answer, owner.lab.control)
    owner.lab.control.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        owner.lab.control.unlink(missing_ok=True)
        # a start that is under way must not outlive the order to stop
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


async def _answer(owner: Owner, stop: asyncio.Event, words: Sequence[str]) -> dict[str, Any]:
    operations: dict[str, Callable[..., Awaitable[None]]] = {
        "start": owner.start,
        "stop": owner.stop,
        "kill": owner.kill,
        "restart": owner.restart,
        "reload": owner.reload,
    }
    try:
        match words:
            case ["status"]:
                pass
            case ["up"]:
                await owner.start_all()
            case ["down"]:
                stop.set()
            case [operation, name] if operation in operations:
                await operations[operation](name)
            case ["start" | "restart" as operation, name, seconds] if _is_number(seconds):
                await operations[operation](name, float(seconds))
            case _:
                usage = f"status, up, down, or one of {', '.join(operations)} and the name of a server"
                raise LabError(f"`{' '.join(words)}` is no request: use {usage}")
    except (LabError, OSError) as error:
        return {"ok": False, **failure(owner.lab, error)}
    return {"ok": True, **owner.status()}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
