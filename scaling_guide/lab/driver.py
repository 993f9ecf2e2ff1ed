"""What the lab must know of a system to run its servers, change them, and break them for the proof."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.model.systems import part
from scaling_guide.model.target import Target

Broken = Callable[[Target], AbstractAsyncContextManager[Target]]
"""Exchanges a target for one that cannot be observed."""


@dataclass(frozen=True)
class Breakage:
    """A fault of the environment: its name, how a target is exchanged, and the probes that meet it."""

    name: str
    broken: Broken
    probes: frozenset[str]


class Subject(Protocol):
    """A server of a running lab, as its driver sees it. `current` are the files that it is to run now."""

    environment: Environment
    target: Target
    lab: Lab
    pristine: Mapping[str, str]
    current: Mapping[str, str]

    @property
    def directory(self) -> Path: ...

    @property
    def pid(self) -> int: ...

    def at_most(self, seconds: float) -> float: ...

    async def order(self, operation: str, target: str | None = None) -> None: ...

    async def settled(self) -> None: ...


class Driver:
    """The lab's side of one system. Most answers have a default; `server` does not."""

    # what the server's client raises when the server does not run as it should
    errors: tuple[type[Exception], ...] = ()
    # whether a killed server takes what a probe sees with it
    can_be_killed = True

    def server(self, lab: Lab, environment: Environment, target: Any, render: Render) -> Server:
        """The server that `target` describes, configured by the files that `render` returns."""
        raise NotImplementedError

    def is_statement(self, line: str) -> bool:
        """Whether a line of a config file can be left out: no comment, no brace, no part of a longer one."""
        return line[:1].isalpha() or line[:1] == "-"

    def written(self, subject: Subject, texts: Mapping[str, str]) -> Mapping[str, str]:
        """What to write for `texts`, with what the server itself has added to its files."""
        return texts

    def apply_at_runtime(self, subject: Subject, before: Mapping[str, str]) -> bool:
        """Change a server that runs `before` to its files on disk without a reload; False if it cannot."""
        return False

    async def apply(self, subject: Subject) -> None:
        """Make the server run the files on disk, confirmed by the server. A restart by default.

        Raises ReloadRefused, LabError, TimeoutError, or one of `errors`.
        """
        await subject.order("kill")
        await subject.order("start")
        await subject.settled()

    async def settle(self, subject: Subject) -> None:
        """Return when clients and peers see the server as before its start. Raises TimeoutError."""

    def undisturbed(self, subject: Subject) -> AbstractAsyncContextManager[None]:
        """Keep those that watch the server from acting while it is started, perhaps in vain."""
        return nullcontext()

    def read_at_start(self, subject: Subject) -> frozenset[str]:
        """The directives that the server reads only at its start, as far as it is known."""
        return frozenset()

    def breakages(self, target: Any) -> Sequence[Breakage]:
        """Faults of the environment that only this system can have, beyond those that all have."""
        return ()


def driver(system: str) -> Driver:
    """The driver of a system. Raises LookupError if the lab cannot run it."""
    module = part(system, "driver")
    if module is None:
        raise LookupError(f"the lab cannot run `{system}`: its package has no module `driver`")
    found: Driver = module.DRIVER
    return found
