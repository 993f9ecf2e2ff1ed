"""Who listens where: refuse a taken address before starting, prove after starting that it is ours."""

import errno
import os
import socket
from collections.abc import Iterable
from typing import NamedTuple

import psutil

WILDCARDS = ("0.0.0.0", "::")


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
    ips = (bind.ip, f"::ffff:{bind.ip}", *WILDCARDS)
    addresses: set[tuple[object, ...]] = {(ip, bind.port) for ip in ips}
    return frozenset(
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr) in addresses
    )


def listened(pids: Iterable[int]) -> frozenset[Bind]:
    """Every address that any of these processes listens on."""
    found: set[Bind] = set()
    for pid in pids:
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        found.update(
            Bind(*connection.laddr) for connection in connections if connection.status == psutil.CONN_LISTEN
        )
    return frozenset(found)


def strangers(bind: Bind, pgid: int) -> str | None:
    """Who else than process group `pgid` listens here; None when the group is alone."""
    others = frozenset(pid for pid in holders(bind) if pid is None or _group(pid) != pgid)
    return _described(others) if others else None


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
