"""One server of the lab under test: its files as documented, its files as broken, and its checks."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from scaling_guide.lab import files, lifecycle, passwords
from scaling_guide.lab.driver import Driver, driver
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.results import CheckResult
from scaling_guide.model.target import Target
from scaling_guide.render.configs import render
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import Selection, select

T = TypeVar("T")


class DidNotLand(Exception):
    """The breakage could not be brought about, so nothing was proven."""


async def whole(step: Coroutine[Any, Any, T]) -> T:
    """Carry a step to its end, mending included, also when this is cancelled meanwhile."""
    doing = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


@dataclass
class Bench:
    """A target of a running lab, and the means to break and mend it.

    `current` is what is on disk now; it is put back only when the next mutant needs it, because every write
    of a load balancer's file costs a reload.
    """

    guide: Guide
    environment: Environment
    target: Target
    lab: Lab
    # around each look at the checks, and around each start of the target
    looking: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    starting: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    # how long a start or a reload may take, where that is less than the target's own patience
    patience: float | None = None
    pristine: Mapping[str, str] = field(init=False)
    current: Mapping[str, str] = field(init=False)
    checks: tuple[Check, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.pristine = self.rendered({})
        self.current = self.pristine
        selection = Selection(targets=frozenset({self.target.id}))
        self.checks = select(self.guide, self.environment, selection)

    @cached_property
    def driver(self) -> Driver:
        """What the lab knows of the target's system."""
        return driver(self.target.system)

    @cached_property
    def failures(self) -> tuple[type[Exception], ...]:
        """What a target raises that does not run as it should."""
        return (DidNotLand, ReloadRefused, LabError, OSError, *self.driver.errors)

    @property
    def directory(self) -> Path:
        """Where the target's files are."""
        return self.lab.directory(self.target.id)

    @property
    def pid(self) -> int:
        """The process that takes signals."""
        server = lifecycle.status(self.lab.number).servers[self.target.id]
        if server.pid is None:
            raise DidNotLand(f"{self.target.id} is {server.state}")
        return server.pid

    def rendered(self, overrides: Mapping[str, Any]) -> Mapping[str, str]:
        """The target's files with some documented values replaced."""
        texts = render(self.guide, self.environment, self.target, overrides=overrides)
        return passwords.filled(self.lab, texts)

    async def put(self, texts: Mapping[str, str]) -> None:
        """Make the target run `texts`. Raises DidNotLand when it refuses them; then it runs as documented."""
        if texts == self.current:
            return
        try:
            await self._run(texts)
        except self.failures as error:
            await self._back()
            raise DidNotLand(str(error) or type(error).__name__) from None
        except BaseException:
            # interrupted half-way, so that nobody knows what runs
            await self._back()
            raise

    @asynccontextmanager
    async def tried(self, texts: Mapping[str, str], seconds: float) -> AsyncIterator[Exception | None]:
        """The target as it is with `texts`, whatever comes of them within `seconds`.

        Yields why it does not run them in good order, or None. A target that does not runs as documented once
        the context ends.
        """
        failure = None
        self.patience = seconds
        try:
            await self._run(texts)
        except self.failures as error:
            failure = error
        except BaseException:
            self.patience = None
            await self._back()
            raise
        finally:
            self.patience = None
        try:
            yield failure
        finally:
            if failure is not None:
                await self._back()

    async def restore(self) -> None:
        """Put the documented files back and make the target run them."""
        await self.put(self.pristine)

    def rewrite(self) -> None:
        """Put the documented files back for whoever starts the target next."""
        self._write(self.pristine)
        self.current = self.pristine

    async def _run(self, texts: Mapping[str, str]) -> None:
        self._write(texts)
        before, self.current = self.current, texts
        if await asyncio.to_thread(self.driver.apply_at_runtime, self, before):
            await self.settled()
            return
        async with self.undisturbed():
            await self.take_effect()

    async def _back(self) -> None:
        """With the documented files back: start a server that would not start, or have it read them."""
        self.rewrite()
        async with self.undisturbed():
            if lifecycle.status(self.lab.number).servers[self.target.id].state != "ready":
                # one that runs and does not get ready holds its port
                await self.order("stop")
                await self.order("start")
            try:
                await self.take_effect()
            except ReloadRefused:
                # a server that tries for long, as for a port that is taken, may refuse earlier files late
                await self.take_effect()

    def _write(self, texts: Mapping[str, str]) -> None:
        files.write(self.directory, self.driver.written(self, texts))

    def undisturbed(self) -> AbstractAsyncContextManager[None]:
        """Keep the watchers of the target from acting while it is started, perhaps in vain."""
        return self.driver.undisturbed(self)

    def restarts(self, texts: Mapping[str, str]) -> bool:
        """Whether the target reads at its start alone what differs in `texts` from what is documented.

        Where that is not known it is no, and the target says so itself when it is asked to reload.
        """
        before, after = map(directives, (self.pristine, texts))
        different = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return bool(different & self._read_at_start)

    @cached_property
    def _read_at_start(self) -> frozenset[str]:
        return self.driver.read_at_start(self)

    async def take_effect(self) -> None:
        """Reload, confirmed by the server's own word, or restart what cannot reload."""
        await self.driver.apply(self)

    async def settled(self) -> None:
        """Return once a start of the target is over for those who see it. Raises TimeoutError."""
        await self.driver.settle(self)

    def at_most(self, seconds: float) -> float:
        """The patience for a start or a reload: `seconds`, or what is left where that is less."""
        return seconds if self.patience is None else min(seconds, self.patience)

    async def order(self, operation: str, target: str | None = None) -> None:
        """Have the lab's supervisor stop, kill, start or restart the target, or another."""
        name, starts = target or self.target.id, operation in ("start", "restart")
        within = self.patience if starts else None
        async with self.starting() if starts else nullcontext():
            # the order stands, and what is done next must find it carried out
            await whole(asyncio.to_thread(lifecycle.command, operation, name, self.lab.number, within))

    async def verify(self, only: Collection[str] = ()) -> dict[str, CheckResult]:
        """The target's checks, or those of some facts, by fact id."""
        checks = [check for check in self.checks if not only or check.fact.id in only]
        async with self.looking():
            run = await asyncio.to_thread(verify, self.environment, checks)
        return {result.id: result for result in run.results}


def directives(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The lines of all files by their first word."""
    found: dict[str, list[str]] = {}
    for line in "\n".join(texts.values()).splitlines():
        found.setdefault(re.split(r"[\s=]", line.strip(), maxsplit=1)[0], []).append(line)
    return found
