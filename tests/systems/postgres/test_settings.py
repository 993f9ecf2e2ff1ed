"""What the files of PostgreSQL and PgBouncer say, and how a session ends that cannot go well."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable
from scaling_guide.systems.pgbouncer import probe as pgbouncer
from scaling_guide.systems.postgres import settings as postgres
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import session as sql

HBA = """
# a comment
local all postgres peer map=operator   # trust here is no method
host all all 10.0.0.0/8 scram-sha-256
host all all 10.1.0.0 255.255.0.0 md5
hostssl replication replicator samenet trust
"""


def test_the_methods_of_every_line_are_found_with_addresses_in_either_form() -> None:
    assert postgres.methods(HBA) == ["md5", "peer", "scram-sha-256", "trust"]


def test_a_line_without_a_method_is_not_passed_over() -> None:
    with pytest.raises(Malformed, match="too short"):
        postgres.methods("host all all 10.0.0.0/8")


def test_settings_of_a_file_are_read_as_the_server_reads_them() -> None:
    text = "A = 1 # one\n#b = 2\n  c 'it''s'\nd='x y'\nA = 3\ninclude_dir 'conf.d'\n"
    assert dict(postgres.assignments(text)) == {"a": "3", "c": "it's", "d": "x y", "include_dir": "conf.d"}


PGBOUNCER_INI = """
[databases]
app = host=127.0.0.1
;gone = host=127.0.0.2
ro = host=127.0.0.3

[pgbouncer]
max_client_conn = 100
default_pool_size = 20
reserve_pool_size = 5
; comment = 1
"""


def test_sections_of_the_poolers_file_are_kept_apart() -> None:
    assert pgbouncer.assignments(PGBOUNCER_INI) == {
        "max_client_conn": "100",
        "default_pool_size": "20",
        "reserve_pool_size": "5",
    }


def test_every_client_and_every_pool_of_every_database_needs_a_file() -> None:
    assert pgbouncer.expected_files(PGBOUNCER_INI) == 100 + 2 * (20 + 5) + pgbouncer.SPARE_FILES


@pytest.mark.parametrize(("cap", "users", "most"), [(80, 3, 80), (0, 3, 87), (0, 0, 29)])
def test_a_database_may_open_its_cap_or_a_pool_for_each_user(cap: int, users: int, most: int) -> None:
    database = {"name": "app", "max_connections": cap, "pool_size": 24, "reserve_pool": 5}
    pools = [{"database": "app"}] * users + [{"database": "other"}]
    assert pgbouncer._most(database, pools) == most


# ------------------------------------------------------------------------------------------ sessions


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that answers each connection in a way of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


def babbling(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.close()


def hanging_up(connection: socket.socket) -> None:
    connection.close()


def silent_after_login(connection: socket.socket) -> None:
    """Refuses TLS, lets anybody in, says that it is ready, and never answers a query."""
    connection.recv(1024)
    connection.sendall(b"N")
    connection.recv(1024)
    connection.sendall(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")
    silent(connection)


def full(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(b"N")
    connection.recv(1024)
    fields = b"SFATAL\0VFATAL\0C53300\0Mremaining connection slots are reserved for others\0\0"
    connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
    connection.close()


@pytest.fixture
def passfile(tmp_path: Path) -> Path:
    path = tmp_path / "pgpass"
    path.touch(mode=0o600)
    return path


def target(port: int, passfile: Path) -> PostgresTarget:
    found = PostgresTarget(
        system="postgres", role="primary", version="15", address="127.0.0.1", port=port, directory="/d",
        config="/d/postgresql.conf", binaries="/b", data="/d/data", sockets="/d/run", network="127.0.0.0/8",
        database="appdb", user="scaling_ro", passfile=str(passfile),
    )  # fmt: skip
    found._id = "db"
    return found


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(silent, Timeout), (silent_after_login, Timeout), (babbling, Malformed), (hanging_up, Unreachable),
     (full, sql.Refused)],
)  # fmt: skip
def test_a_session_that_cannot_be_had_says_why(
    passfile: Path, answer: Callable[[socket.socket], None], outcome: type[CannotObserve]
) -> None:
    began = time.monotonic()
    with answering(answer) as port, pytest.raises(outcome) as raised, sql.session(target(port, passfile), 2):
        pass
    assert type(raised.value) is outcome
    assert time.monotonic() - began < 6


def test_nobody_listening_is_unreachable(passfile: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"), sql.session(target(port, passfile), 2):
        pass


def test_a_passfile_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(Unreachable, match=str(missing)), sql.session(target(1, missing), 2):
        pass
