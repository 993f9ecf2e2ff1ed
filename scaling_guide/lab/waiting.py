"""Bounded waiting: look often at first, then less often, and stop at the deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

FIRST, LONGEST = 0.005, 0.1

Missing = Callable[[], Awaitable[str | None]]
"""Says what is still missing, or None when nothing is."""


def pauses(seconds: float) -> Iterator[float]:
    """How long to pause between two looks, from 5 ms growing to 100 ms, until `seconds` are over."""
    deadline = time.monotonic() + seconds
    pause = FIRST
    while (left := deadline - time.monotonic()) > 0:
        yield min(pause, left)
        pause = min(pause * 1.5, LONGEST)


async def until(missing: Missing, seconds: float) -> None:
    """Return once nothing is missing. Raises TimeoutError that says what still was."""
    lack = await missing()
    for pause in pauses(seconds):
        if lack is None:
            return
        await asyncio.sleep(pause)
        lack = await missing()
    if lack is not None:
        raise TimeoutError(f"{lack} after {seconds:g} s")
