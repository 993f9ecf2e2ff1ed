"""Lab numbers, with addresses 127.<number>.0.0/24, that one process of this machine has at a time.

A number is held by a socket with a name in the kernel, which goes away with the process, however that ends.
"""

import errno
import itertools
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError, lab

# people use those below and, for what breaks things, the next one
NUMBERS = range(100, 250)
NAME = "scaling-guide-test"
FIRST_PORT = 10000
# a state in /proc/net/tcp
LISTENING = "0A"


class Claim:
    """A number that no other process has until this is released or the process ends."""

    def __init__(self, number: int, held: socket.socket) -> None:
        self.number, self._held = number, held

    @property
    def net(self) -> str:
        """The first three octets of its addresses."""
        return f"127.{self.number}.0"

    def release(self) -> None:
        self._held.close()


def claim() -> Claim:
    """The first number that is free. Raises RuntimeError if none is."""
    for number in NUMBERS:
        held = _hold(number)
        if held is None:
            continue
        if _is_unused(lab(number)):
            return Claim(number, held)
        held.close()
    raise RuntimeError(f"each of the lab numbers {NUMBERS[0]} to {NUMBERS[-1]} is in use")


@contextmanager
def own_number() -> Iterator[Lab]:
    """A lab that is down, with a number that only this process has and an empty directory."""
    claimed = claim()
    where = lab(claimed.number)
    try:
        _mark(where).touch()
        where.claim()
        yield where
    finally:
        try:
            _clear(where)
        finally:
            claimed.release()


@cache
def own() -> Claim:
    """The number of this process, for servers that the tests start by themselves; held until it ends."""
    return claim()


_ports = itertools.count(FIRST_PORT)


def free_port(host: str) -> int:
    """A port of one of this process's own addresses that nothing listens on; never the same one twice."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                # what listens on all addresses has it on this one too
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return port
    raise AssertionError("counting does not end")


def _hold(number: int) -> socket.socket | None:
    """A socket with the number in its name, or None if another process has one."""
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0{NAME}-{number}")
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return held


def _mark(where: Lab) -> Path:
    """The file that says that tests made the lab's directory: a person's is never touched."""
    return where.root.with_name(f"{where.root.name}.test")


def _clear(where: Lab) -> None:
    lifecycle.down(where.number)
    shutil.rmtree(where.root, ignore_errors=True)
    _mark(where).unlink(missing_ok=True)


def _is_unused(where: Lab) -> bool:
    """Whether a lab has no directory and no process of any user listens on its addresses.

    What a killed run of the tests left of it is ended and removed first.
    """
    if _mark(where).exists():
        with suppress(LabError):
            _clear(where)
    return not where.root.exists() and not _is_listened_on(where.number)


def _is_listened_on(number: int) -> bool:
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        packed = int(local.partition(":")[0], 16).to_bytes(4, sys.byteorder)
        if state == LISTENING and packed[:3] == bytes((127, number, 0)):
            return True
    return False
