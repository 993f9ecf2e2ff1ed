"""Ways of breaking a target that every system shares."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from scaling_guide.lab import files
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied
from scaling_guide.model.mutants import wrong_values


def edited(*edits: tuple[str, str]) -> Applied:
    """The target's file with each pattern replaced, and reloaded."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.put(edit(bench.pristine, *edits))
        yield "; ".join(replacement or f"without {pattern}" for pattern, replacement in edits)

    return applied


def edit(texts: Mapping[str, str], *edits: tuple[str, str]) -> dict[str, str]:
    """The files with each pattern replaced where it matches. Raises DidNotLand where it is in none."""
    edited = dict(texts)
    for pattern, replacement in edits:
        found = {
            name: re.subn(pattern, replacement, text, flags=re.MULTILINE) for name, text in edited.items()
        }
        if not any(count for _, count in found.values()):
            raise DidNotLand(f"nothing in the file matches {pattern}")
        edited = {name: text for name, (text, _) in found.items()}
    return edited


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


def changed_on_disk(*edits: tuple[str, str]) -> Applied:
    """The files with each pattern replaced, and nobody tells the server: what is on disk is not what runs."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        texts = edit(bench.pristine, *edits)
        changed = {name: text for name, text in texts.items() if text != bench.pristine[name]}
        async with behind_its_back(bench, changed):
            yield f"{', '.join(changed)} changed, and nobody told the server"

    return applied


edited_by_hand = changed_on_disk((r"\Z", "# edited by hand\n"))


def documented(bench: Bench, fact: str) -> Any:
    """The documented value of a fact, so that a breakage goes beyond it and not beyond a copy of it."""
    return bench.guide.facts[fact].value(bench.environment.tier)


def wrong_value(bench: Bench, fact: str) -> Any:
    """A value that does not meet a fact. Raises IndexError if none is derived and no alternative named."""
    record = bench.guide.facts[fact]
    return wrong_values(record.expectation(bench.environment.tier), record.alternatives)[0]
