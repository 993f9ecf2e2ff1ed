"""Run one instance, and end it so that nobody notices."""

import asyncio
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn

from scaling_guide.systems.app.program.instance import Instance
from scaling_guide.systems.app.program.service import application
from scaling_guide.systems.app.program.settings import options


class DrainingServer(uvicorn.Server):
    """Uvicorn that, told to end, says so and serves on until the load balancers have looked."""

    def __init__(self, config: uvicorn.Config, instance: Instance) -> None:
        super().__init__(config)
        self._instance = instance
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self._instance.database.open()
        self._warming = asyncio.create_task(self._instance.cache.keep_warm())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._instance.database.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # not passed on to uvicorn, which would send itself the signal again and end with its number
        if sig == signal.SIGTERM and self._end is None:
            self._instance.draining = True
            self._end = time.monotonic() + self._instance.options.limits.drain
        else:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)


def main() -> int:
    instance = Instance(options())
    # told to end before it serves, or once more when it has ended, it has nothing to finish
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGUSR1, lambda *_: setattr(instance, "draining", True))
    signal.signal(signal.SIGUSR2, lambda *_: setattr(instance, "draining", False))
    limits = instance.options.limits
    config = uvicorn.Config(
        application(instance),
        host=instance.options.host,
        port=instance.options.port,
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        # the service shows what its peer sent, so nothing may rewrite it
        proxy_headers=False,
        timeout_keep_alive=int(limits.keep_alive),
        timeout_graceful_shutdown=int(limits.shutdown),
    )
    server = DrainingServer(config, instance)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
