"""Real servers, and liars, for the tests of the probes: started on addresses of this process and stopped."""

import asyncio
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.fernet import Fernet

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import AppTarget, Target
from scaling_guide.systems.app.program import service
from scaling_guide.systems.app.program.instance import Instance
from scaling_guide.systems.app.program.settings import Limits, Options
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.nginx.target import NginxTarget
from tests import numbers

SITE = "app.lab.test"
CAPABILITIES = {
    "whoami": "/whoami",
    "errors": "/fail?status=404",
    "sticky": "/sticky/whoami",
    "about": "/about",
    "list": "/api/items",
}
HOST = f"{numbers.own().net}.20"
START_SECONDS = 5.0


def free_port() -> int:
    return numbers.free_port(HOST)


def environment(**targets: Target) -> Environment:
    """An environment with these targets, each with its name as id."""
    for name, target in targets.items():
        target._id = name.replace("_", "-")
    named = {target.id: target for target in targets.values()}
    return Environment(title="Test", tier="medium", site=SITE, targets=named, capabilities=CAPABILITIES)


def nginx_target(https: int = 1, http: int = 1, trust: Path | None = None, **more: Any) -> NginxTarget:
    given = {
        "certificate": "/nowhere.pem",
        "certificate_key": "/nowhere.key",
        "config": "/nowhere.conf",
        **more,
    }
    return NginxTarget(
        system="nginx",
        version="1.22",
        address=HOST,
        https=https,
        http=http,
        status=1,
        trust=str(trust) if trust else None,
        pid_file="/nowhere.pid",
        directory="/nowhere",
        logs="/nowhere",
        **given,
    )


def haproxy_target(https: int = 1, http: int = 1, trust: Path | None = None, **more: Any) -> HaproxyTarget:
    given = {"certificate": "/nowhere.pem", "config": "/nowhere.cfg", **more}
    return HaproxyTarget(
        system="haproxy",
        version="2.6",
        address=HOST,
        https=https,
        http=http,
        trust=str(trust) if trust else None,
        directory="/nowhere",
        operator_socket="/nowhere.sock",
        admin_socket="/nowhere.sock",
        master_socket="/nowhere.sock",
        stats=1,
        **given,
    )


def app_target(http: int, version: str = "1.0") -> AppTarget:
    return AppTarget(system="app", version=version, address=HOST, http=http)


@contextmanager
def nginx(directory: Path, *, ports: list[int], http: str) -> Iterator[None]:
    """Nginx in one process with this `http` block, until the end of the context."""
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.getuid() == 0 else ""
    text = (
        f"{user}daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{http}\n}}\n"
    )
    (directory / "nginx.conf").write_text(text)
    with _running(("nginx", "-e", "stderr", "-c", str(directory / "nginx.conf")), ports):
        yield


@contextmanager
def haproxy(directory: Path, *, ports: list[int], text: str) -> Iterator[None]:
    """HAProxy in one process with this configuration, until the end of the context."""
    (directory / "haproxy.cfg").write_text(text)
    with _running(("haproxy", "-db", "-f", str(directory / "haproxy.cfg")), ports):
        yield


@contextmanager
def _running(argv: tuple[str, ...], ports: list[int]) -> Iterator[None]:
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for port in ports:
            _wait(port, process)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)


def _wait(port: int, process: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process is not None and process.poll() is not None:
            raise RuntimeError(process.communicate()[0])
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.005)
    raise TimeoutError(f"nothing listens on {HOST}:{port}")


@dataclass(frozen=True)
class Loop:
    """An event loop in a thread of its own, for servers that run inside the test process."""

    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_SECONDS)


@contextmanager
def event_loop() -> Iterator[Loop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Loop(loop)
    finally:
        asyncio.run_coroutine_threadsafe(_cancelled(), loop).result(START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)
        loop.close()


async def _cancelled() -> None:
    """End the conversations that are still going on in this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Quiet(uvicorn.Server):
    """Leaves the signals of the test process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn(options: Options) -> uvicorn.Config:
    return uvicorn.Config(
        service.application(Instance(options)),
        host=options.host,
        port=options.port,
        log_level="error",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


@contextmanager
def applications(directory: Path, *faults: Mapping[str, Any]) -> Iterator[list[int]]:
    """An instance of the lab's application for each set of faulty limits, as the list of their ports."""
    key = directory / "session.key"
    key.write_bytes(Fernet.generate_key())
    good = {"keep_alive": 75, "drain": 2, "shutdown": 10, "request_timeout": 25, "version": "1.0"}
    instances = []
    for number, fault in enumerate(faults, start=1):
        limits = Limits(**{**good, **fault})
        name = f"app-{number}"
        instances.append(
            Options(HOST, free_port(), name, limits.version, 0, key, directory / "ledger", limits)
        )
    running = [_Quiet(_uvicorn(each)) for each in instances]
    with event_loop() as loop:
        ends = [asyncio.run_coroutine_threadsafe(server.serve(), loop.loop) for server in running]
        for each in instances:
            _wait(each.port)
        yield [each.port for each in instances]
        for server in running:
            server.should_exit = server.force_exit = True
        for end in ends:
            end.result(START_SECONDS)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@contextmanager
def liar(talk: Talk) -> Iterator[int]:
    """A TCP server that treats every connection like this; the value is its port."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    with event_loop() as loop:
        server: asyncio.Server = loop.run(asyncio.start_server(closing, HOST, 0))
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            loop.loop.call_soon_threadsafe(server.close)


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    """Speaks TLS with keys that no server of the distribution would load; the value is its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    class Handshake(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), context.wrap_socket(self.request, server_side=True) as connection:
                connection.recv(1)

    with socketserver.ThreadingTCPServer((HOST, 0), Handshake) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(START_SECONDS)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, reads, and never answers."""
    while await reader.read(4096):
        pass


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up on the first byte."""
    await reader.read(1)
    writer.transport.abort()


def saying(answer: bytes) -> Talk:
    """Answers every connection with these bytes and closes it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        await writer.drain()
        writer.close()

    return talk


def dripping(start: bytes) -> Talk:
    """Answers, then sends one byte after the other without an end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(start)
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    return talk


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """The settings in which two observations differ."""
    return {name for name in {*one, *other} if one.get(name, "absent") != other.get(name, "absent")}
