"""What the lab must know of a system to run its servers, change them, and break them for the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.model.systems import part

if TYPE_CHECKING:
    from scaling_guide.lab.proof.bench import Bench
    from scaling_guide.lab.proof.faults import Breakage


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

    def written(self, bench: Bench, texts: Mapping[str, str]) -> Mapping[str, str]:
        """What to write for `texts`, with what the server itself has added to its files."""
        return texts

    def apply_at_runtime(self, bench: Bench, before: Mapping[str, str]) -> bool:
        """Change a server that runs `before` to the files of `bench` without a reload; False if it cannot."""
        return False

    async def apply(self, bench: Bench) -> None:
        """Make the server run the files on disk, confirmed by the server. A restart by default.

        Raises ReloadRefused, LabError, TimeoutError, or one of `errors`.
        """
        await bench.order("kill")
        await bench.order("start")
        await bench.settled()

    async def settle(self, bench: Bench) -> None:
        """Return when clients and peers see the server as before its start. Raises TimeoutError."""

    def undisturbed(self, bench: Bench) -> AbstractAsyncContextManager[None]:
        """Keep those that watch the server from acting while it is started, perhaps in vain."""
        return nullcontext()

    def read_at_start(self, bench: Bench) -> frozenset[str]:
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
