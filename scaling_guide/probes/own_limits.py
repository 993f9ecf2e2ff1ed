"""What the checker itself lacks: descriptors, memory, room, a resolver, the right time.

None of it says anything of an environment, so it is an error with its name, neither drift nor unreachable.
"""

import errno
import resource
import socket
import time
from pathlib import Path

# connections, pipes of a process and files; at its peak the lab takes two for each probe
DESCRIPTORS_PER_PROBE = 4
DESCRIPTORS_FOR_ITSELF = 32
CLOCK_TOLERANCE_SECONDS = 86400

_ERRNO = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.ENOBUFS)
_RESOLVER = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY, socket.EAI_SYSTEM)


def lack(probes: int) -> str | None:
    """Why this process cannot ask `probes` sources at once, or None.

    The soft limit of descriptors is raised as far as the hard one allows.
    """
    needed = DESCRIPTORS_FOR_ITSELF + probes * DESCRIPTORS_PER_PROBE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_below(soft, needed):
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < needed:
            need = f"the checker may open {most} files and needs {needed}"
            return f"EMFILE: {need}: raise `ulimit -n`, or select less"
    installed = Path(__file__).stat().st_mtime
    if time.time() < installed - CLOCK_TOLERANCE_SECONDS:
        return f"CLOCK: the checker's clock says {time.strftime('%Y-%m-%d')}, before its program was written"
    return None


def _is_below(limit: int, needed: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < needed


def cause(error: BaseException | None) -> str | None:
    """The name of what the checker lacked where that is behind `error`, with the reason; None otherwise."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError) or "can't start new thread" in str(error):
            return f"ENOMEM: {str(error) or 'out of memory'}"
        if isinstance(error, socket.gaierror):
            if error.errno in _RESOLVER:
                return f"DNS: the checker's resolver failed: {error.strerror}"
        elif isinstance(error, OSError) and error.errno in _ERRNO:
            return f"{errno.errorcode[error.errno]}: {error.strerror}"
        # a probe hides what it was told behind its own words, and Python keeps it all the same
        error = error.__cause__ or error.__context__
    return None
