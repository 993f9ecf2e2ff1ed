"""The exact rule by which a few requests prove a percentile, and what is said where they prove nothing."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from scaling_guide.model.target import AppTarget
from scaling_guide.probes.observation import Malformed, Timeout, Undetermined, Unreachable, Unsupported
from scaling_guide.systems.app import latency, stopwatch
from tests.systems import servers
from tests.systems.servers import HOST

pytestmark = pytest.mark.quiet


@pytest.mark.parametrize(
    ("requests", "percentile", "allowed"),
    [
        *[(58, 0.95, -1), (59, 0.95, 0), (92, 0.95, 0), (93, 0.95, 1), (124, 0.95, 2), (208, 0.95, 5)],
        *[(298, 0.99, -1), (299, 0.99, 0), (473, 0.99, 1), (628, 0.99, 2), (1049, 0.99, 5), (2995, 0.999, 0)],
    ],
)
def test_so_many_requests_may_be_over_a_budget(requests: int, percentile: float, allowed: int) -> None:
    assert latency.allowed_over(requests, percentile) == allowed


def test_with_ninety_three_answers_the_second_slowest_bounds_the_percentile() -> None:
    seconds = [0.01] * 91 + [0.3, 5.0]
    assert latency.upper_bound(seconds, 0.95) == 0.3
    assert latency.upper_bound(seconds, 0.5) == 0.01


def test_too_few_answers_have_no_bound() -> None:
    assert latency.upper_bound([0.01] * 58, 0.95) is None


@contextmanager
def answering(answer: bytes, connections: int = 1000) -> Iterator[AppTarget]:
    """A server that gives this answer to whatever is sent, and hangs up after so many connections."""
    with socket.create_server((HOST, 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                while connection.recv(65536):
                    connection.sendall(answer)

        def accept() -> None:
            for _ in range(connections):
                try:
                    Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
                except OSError:
                    return

        Thread(target=accept, daemon=True).start()
        yield servers.app_target(listener.getsockname()[1])


def look(target: AppTarget, deadline: float = 5.0) -> dict[str, Any]:
    return dict(latency.probe(servers.environment(app_1=target), target, deadline)[1])


def test_a_quick_list_is_timed() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as target:
        values = look(target)
    assert values["read > requests"] == latency.REQUESTS
    assert values["read > errors"] == 0
    assert float(values["read > p50"].removesuffix("ms")) <= float(values["read > p95"].removesuffix("ms"))


@pytest.mark.parametrize("status", ["503 No", "429 Slow down", "401 Who", "302 There", "403 No"])
def test_only_good_answers_are_reads_and_all_others_are_errors(status: str) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as target:
        values = look(target)
    assert values["read > errors"] == latency.REQUESTS
    few = Undetermined(f"0 of {latency.REQUESTS} reads were good and in time; {latency.FEWEST} are needed")
    assert (values["read > p50"], values["read > p95"]) == (few, few)


def test_too_few_answers_in_time_are_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_run", lambda *_: [(0.01, 200)] * (latency.FEWEST - 1))
    values = look(servers.app_target(1))
    assert {type(values[f"read > {name}"]) for name in ("p50", "p95", "errors")} == {Undetermined}


def test_a_server_that_answers_nothing_in_time_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "_run", lambda *_: [])
    with pytest.raises(Timeout, match="no read was answered in time"):
        look(servers.app_target(1))


def test_a_server_without_such_a_list_is_unsupported() -> None:
    with answering(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") as target, pytest.raises(Unsupported):
        look(target)


def test_a_server_that_says_nothing_in_http_is_malformed() -> None:
    with answering(b"SSH-2.0-OpenSSH\r\n\r\n") as target, pytest.raises(Malformed, match="broke off"):
        look(target)


def test_a_silent_server_is_a_timeout_and_proves_nothing() -> None:
    with answering(b"") as target, pytest.raises(Timeout):
        look(target, deadline=0.5)


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="refused"):
        look(servers.app_target(servers.free_port()))


def test_an_answer_without_an_end_is_not_read_for_ever() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (stopwatch.LONGEST_ANSWER + stopwatch.BLOCK)
    with answering(endless) as target, pytest.raises(Malformed, match="does not end"):
        look(target)


def test_an_answer_that_is_cut_off_is_malformed() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}"
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(cut)

        Thread(target=serve, daemon=True).start()
        with pytest.raises(Malformed, match="broke off"):
            look(servers.app_target(listener.getsockname()[1]))
