"""Who listens where: refuse a taken address before starting, prove after starting that it is ours."""

import errno
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from scaling_guide.lab.processes import members

WILDCARDS = ("0.0.0.0", "::")
_LISTEN = "0A"


class Bind(NamedTuple):
    """A TCP address that a server listens on."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"{self.ip}:{self.port}"


def taken(bind: Bind) -> str | None:
    """Why this address cannot be listened on now, with the name of its holder; None when it is free."""
    with socket.socket() as probe:
        # as servers do, so that connections in TIME_WAIT from an earlier run are no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(bind)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{bind} is taken by {_described(holders(bind))}"
            return f"{bind} cannot be listened on: {error.strerror}"
    return None


def holders(bind: Bind) -> frozenset[int | None]:
    """The processes that listen on this address or on the port of every address.

    None stands for a process that this user may not look into.
    """
    addresses: set[tuple[object, ...]] = {(ip, bind.port) for ip in _ips(bind)}
    return frozenset(
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) in addresses
    )


def listened(pids: Iterable[int]) -> frozenset[Bind]:
    """Every address that any of these processes listens on."""
    held = _held(pids)
    return frozenset(bind for inode, bind in _listening() if inode in held)


def strangers(bind: Bind, pgid: int) -> str | None:
    """Who else than process group `pgid` listens here; None when the group is alone."""
    ips = _ips(bind)
    found = {inode for inode, each in _listening() if each.port == bind.port and each.ip in ips}
    if found <= _held(members(pgid)):
        return None
    others = frozenset(pid for pid in holders(bind) if pid is None or _group(pid) != pgid)
    return _described(others) if others else None


def _ips(bind: Bind) -> tuple[str, ...]:
    return (bind.ip, f"::ffff:{bind.ip}", *WILDCARDS)


def _listening() -> Iterator[tuple[str, Bind]]:
    """The sockets that listen, by inode. Asking psutil for them costs a look at every process of the host."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(FileNotFoundError), table.open() as lines:
            next(lines)
            for line in lines:
                words = line.split()
                if words[3] != _LISTEN:
                    # the kernel lists those that listen before all others
                    break
                yield words[9], _bind(words[1])


def _bind(text: str) -> Bind:
    """An address as the kernel writes it: words in the order of the machine, in hexadecimal."""
    words, _, port = text.partition(":")
    packed = b"".join(
        int(words[begin : begin + 8], 16).to_bytes(4, sys.byteorder) for begin in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return Bind(socket.inet_ntop(family, packed), int(port, 16))


def _held(pids: Iterable[int]) -> frozenset[str]:
    """The inodes of the sockets that these processes have open; none of a process that has ended."""
    found = set()
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                # it may be closed between the two looks
                with suppress(FileNotFoundError):
                    kind, _, inode = os.readlink(f"/proc/{pid}/fd/{name}").partition(":")
                    if kind == "socket":
                        found.add(inode[1:-1])
    return frozenset(found)


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _described(pids: Iterable[int | None]) -> str:
    return ", ".join(sorted(_name(pid) for pid in pids)) or "a process that this user may not look into"


def _name(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        command = " ".join(" ".join(process.cmdline()).split())
        return f"{process.name()} (pid {pid}, user {process.username()}): {command[:100]}"
    except psutil.NoSuchProcess:
        return f"pid {pid}, which has just ended"
    except psutil.AccessDenied:
        return f"pid {pid} of another user"
