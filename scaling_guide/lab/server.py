"""What the supervisor must know of a server. A server module fills in one of these, and that is all."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from signal import Signals

from scaling_guide.lab.ports import Bind

Render = Callable[[], Mapping[str, str]]
"""Makes the config files of a server: file name, relative to its directory, to text."""


class ReloadRefused(Exception):
    """The server kept its old configuration; the message is what it said."""


def nothing_to_prepare() -> None:
    """For a server that needs no files."""


async def at_once(pid: int) -> str | None:
    """For a server that is ready as soon as it listens."""
    return None


@dataclass(frozen=True)
class Server:
    """One server of the lab.

    The supervisor runs `prepare` once for a lab, starts `argv` when all of `needs` are ready, waits until
    every address in `binds` is listened on by the process group it started, and then asks `ready`, with the
    process id, for what is still missing until that is None.

    `user` is the system user that root starts the server as; anyone else starts it as himself.
    `stop_signal` ends the server after the work in hand, `halt_signal` at once and in good order. `reload`
    returns when the new configuration serves and raises ReloadRefused when the old one stayed.
    """

    name: str
    argv: tuple[str, ...]
    binds: tuple[Bind, ...] = ()
    needs: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    prepare: Callable[[], None] = nothing_to_prepare
    ready: Callable[[int], Awaitable[str | None]] = at_once
    reload: Callable[[int], Awaitable[None]] | None = None
    stop_signal: Signals = Signals.SIGTERM
    halt_signal: Signals = Signals.SIGTERM
    start_seconds: float = 20.0
    stop_seconds: float = 5.0
