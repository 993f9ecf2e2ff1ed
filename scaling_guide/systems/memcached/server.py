"""Memcached: started with the options of its file, as Debian's service does it."""

import asyncio
from pathlib import Path

from pymemcache import Client
from pymemcache.exceptions import MemcacheError

from scaling_guide.lab import files, processes
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server
from scaling_guide.systems.memcached.target import MemcachedTarget

ANSWER_SECONDS = 1.0

# the file is read at every start, and its lines become arguments
_WITH_OPTIONS = 'exec "$0" $(grep "^-" "$1")'


def server(lab: Lab, target: MemcachedTarget, render: Render) -> Server:
    """The server that this target describes, configured by the file that `render` returns."""

    def prepare() -> None:
        files.write(Path(target.config).parent, render())

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(missing, target, pid)

    return Server(
        name=target.id,
        argv=("sh", "-c", _WITH_OPTIONS, target.binary, target.config),
        binds=(Bind(target.address, target.port),),
        user=processes.ordinary_user("memcache", "memcached"),
        prepare=prepare,
        ready=ready,
    )


def missing(target: MemcachedTarget, pid: int) -> str | None:
    """Why the process does not serve yet; None when it does and is the one that was started."""
    client = Client((target.address, target.port), connect_timeout=ANSWER_SECONDS, timeout=ANSWER_SECONDS)
    try:
        found = client.stats()[b"pid"]
    except (OSError, MemcacheError, KeyError) as error:
        return str(error)
    finally:
        client.close()
    return None if int(found) == pid else f"process {found} answers there, not {pid}"
