"""Many may look while nobody takes away what they look at; whoever takes it away is alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


async def _at_once() -> None:
    """For what is as it was as soon as it is let go."""


class Gate:
    """Open to many who share it, or to one who has it alone. Whoever wants it alone is let in first.

    `mended` is awaited before it opens again to those who share it.
    """

    def __init__(self, mended: Callable[[], Awaitable[None]] = _at_once) -> None:
        self._mended = mended
        self._changed = asyncio.Condition()
        self._sharing = 0
        self._closed = 0
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Within, nobody has it alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._sharing += 1
        try:
            yield
        finally:
            async with self._changed:
                self._sharing -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Within, nobody else is in."""
        self._closed += 1
        try:
            async with self._one:
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._sharing)
                try:
                    yield
                finally:
                    await self._mended()
        finally:
            async with self._changed:
                self._closed -= 1
                self._changed.notify_all()
