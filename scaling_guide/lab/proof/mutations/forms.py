"""Ways of breaking a target that every system shares."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from scaling_guide.lab import files
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.model.record import System

Applied = Callable[[Bench], AbstractAsyncContextManager[str]]
Table = dict[tuple[str, System], Applied]


def edited(*edits: tuple[str, str]) -> Applied:
    """The target's file with each pattern replaced, and reloaded."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.put({name: _edit(text, edits) for name, text in bench.pristine.items()})
        yield "; ".join(replacement or f"without {pattern}" for pattern, replacement in edits)

    return applied


def _edit(text: str, edits: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in edits:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if not count:
            raise DidNotLand(f"nothing in the file matches {pattern}")
    return text


def without(*patterns: str) -> Applied:
    """The target's file without the lines that match, and reloaded."""
    return edited(*((rf"^ *{pattern}\n", "") for pattern in patterns))


def first_file(bench: Bench) -> tuple[str, str]:
    """Name and documented text of the target's first config file."""
    return next(iter(bench.pristine.items()))


@asynccontextmanager
async def behind_its_back(bench: Bench, texts: Mapping[str, str]) -> AsyncIterator[None]:
    """Files of the target changed without telling it, and afterwards the documented ones, told."""
    files.write(bench.directory, texts)
    try:
        yield
    finally:
        files.write(bench.directory, bench.pristine)
        await bench.take_effect()
