"""A connection to PostgreSQL, or to what speaks like it, that ends at the deadline whatever happens.

The identity is the checker's own: its password stands in a passfile, and nothing of the caller's environment
(PGOPTIONS, PGPASSWORD) changes what the session is like.
"""

import math
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import errors

from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.sql.target import SqlTarget

APPLICATION = "scaling_guide"
CONSOLE = "pgbouncer"

Connection = psycopg.Connection[tuple[Any, ...]]

_FULL = re.compile("remaining connection slots are reserved|too many clients|too many connections for")
_BABBLE = re.compile("invalid response|expected authentication request|unsupported frontend|lost synchron")


class Refused(Unreachable):
    """The server answers that it has no connection left. That is an answer, for who asks for it."""


@contextmanager
def session(target: SqlTarget, deadline: float, database: str | None = None) -> Iterator[Connection]:
    """A connection as the checker. Statements in it end before the deadline, and so does all else.

    Raises Refused, Unreachable, Timeout, Unsupported where the checker lacks a right, and Malformed where
    something else answers than was asked, also for what the body of the `with` meets.
    """
    ends = time.monotonic() + deadline
    name = database or target.database
    late = threading.Event()
    try:
        with _connected(target, name, deadline) as connection, _guarded(connection, ends, late):
            if name != CONSOLE:
                left = max(1, int((ends - time.monotonic()) * 1000))
                # the session's own; `reset_val` goes on telling the server's
                connection.execute(f"set statement_timeout = {left}".encode())
            yield connection
    except psycopg.Error as error:
        raise _reason(target, error, late.is_set()) from None


def version(connection: Connection) -> str:
    """The version as the product writes it, from what the server said at the start."""
    number = connection.info.server_version
    return f"{number // 10000}.{number % 10000}"


def row(connection: Connection, query: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The one row of a query, by column. Raises Malformed where there is not exactly one."""
    found = rows(connection, query, arguments)
    if len(found) != 1:
        raise Malformed(f"{len(found)} rows instead of one: {' '.join(query.split())[:60]}")
    return found[0]


def rows(
    connection: Connection, query: str, arguments: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a query, by column."""
    cursor = connection.execute(query.encode(), arguments)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


@contextmanager
def _connected(target: SqlTarget, database: str, deadline: float) -> Iterator[Connection]:
    if not os.access(target.passfile, os.R_OK):
        raise Unreachable(f"{target.id}: the passfile {target.passfile} cannot be read: make it, mode 0600")
    console = database == CONSOLE
    with psycopg.connect(
        host=target.address,
        port=target.port,
        user=target.user,
        dbname=database,
        passfile=target.passfile,
        # the environment's own would win where these were left out
        password="",
        options="",
        gssencmode="disable",
        target_session_attrs="any",
        application_name=APPLICATION,
        connect_timeout=math.ceil(deadline),
        autocommit=True,
        prepare_threshold=None,
        # the console knows the simple protocol only
        cursor_factory=psycopg.ClientCursor if console else psycopg.Cursor,
    ) as connection:
        yield connection


@contextmanager
def _guarded(connection: Connection, ends: float, late: threading.Event) -> Iterator[None]:
    """Cut the connection at the deadline: a server that falls silent has no statement_timeout."""

    def cut() -> None:
        late.set()
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    guard = threading.Timer(max(0.0, ends - time.monotonic()), cut)
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()


def _reason(target: SqlTarget, error: psycopg.Error, late: bool) -> CannotObserve:
    # further lines are hints and places
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = f"{target.id}: {said[0] if said else type(error).__name__}"
    if late or isinstance(error, errors.QueryCanceled | errors.ConnectionTimeout):
        return Timeout(f"{target.id}: no complete answer before the deadline")
    if _FULL.search(str(error)):
        return Refused(message)
    if isinstance(error, errors.InsufficientPrivilege):
        return Unsupported(f"{message}: grant {target.user} what the page of identities says")
    if isinstance(error, psycopg.OperationalError) and not _BABBLE.search(str(error)):
        return Unreachable(message)
    return Malformed(message)


PSQL = "PGPASSFILE={passfile} psql -X -h {address} -p {port} -U {user} -d {database} -c"
"""The client as the checker, for commands that show a person what a probe sees."""
