"""A program of the lab's own is ready when its answer says so, and not before."""

import asyncio
import sys
from collections.abc import Iterator
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.python_service import python_service
from scaling_guide.lab.server import Server


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listening() -> Iterator[Bind]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Bind("127.0.0.1", server.server_port)
        server.shutdown()


def lack(answer: HTTPResponse) -> str | None:
    return None if answer.status == 200 else f"it answered {answer.status}"


def service(where: Path, bind: Bind, path: str = "/ready") -> Server:
    texts = {"settings": "one\n"}
    return python_service(Lab(42, where), "it", "its.module", bind, {"key": 1}, lambda: texts, path, lack)


def missing(server: Server) -> str | None:
    async def ask() -> str | None:
        return await server.ready(1)

    return asyncio.run(ask())


def test_it_is_ready_when_its_answer_lacks_nothing(tmp_path: Path, listening: Bind) -> None:
    assert missing(service(tmp_path, listening)) is None
    assert missing(service(tmp_path, listening, "/elsewhere")) == "it answered 503"


def test_nobody_who_answers_is_waited_for(tmp_path: Path, listening: Bind) -> None:
    assert "refused" in str(missing(service(tmp_path, Bind("127.0.0.2", listening.port))))


def test_it_is_told_where_to_listen_and_finds_its_files(tmp_path: Path) -> None:
    server = service(tmp_path, Bind("127.0.0.1", 8000))
    server.prepare()
    assert server.argv == (sys.executable, "-m", "its.module", "--host=127.0.0.1", "--port=8000", "--key=1")
    assert server.binds == (Bind("127.0.0.1", 8000),)
    assert (tmp_path / "it" / "settings").read_text() == "one\n"
