"""Real Redis, Sentinel and Memcached servers for the tests of their probes, stopped again."""

import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from scaling_guide.probes.observation import CannotObserve
from scaling_guide.systems.memcached.target import MemcachedTarget
from scaling_guide.systems.redis.target import RedisTarget
from scaling_guide.systems.sentinel.target import SentinelTarget
from tests import numbers

HOST = f"{numbers.own().net}.50"
PASSWORD = "a-password-of-the-tests"
START_SECONDS = 10.0
RULES = "resetchannels -@all +ping +info +acl|whoami +acl|users +acl|dryrun"
CACHE_RULES = f"%R~cache:* {RULES} +config|get +randomkey +pttl"
SENTINEL_RULES = f"{RULES} +sentinel|master +sentinel|replicas +sentinel|sentinels +sentinel|ckquorum"


@dataclass(frozen=True)
class Node:
    """A running Redis, the target that leads to it, and an operator's connection."""

    target: RedisTarget
    operator: redis.Redis
    process: subprocess.Popen[bytes]


def free_port() -> int:
    return numbers.free_port(HOST)


def acl(rules: str) -> str:
    hashed = hashlib.sha256(PASSWORD.encode()).hexdigest()
    return (
        f"user default off\nuser checker on #{hashed} {rules}\nuser operator on #{hashed} ~* &* +@all\n"
        f"user replica on #{hashed} -@all +psync +replconf +ping\n"
    )


def target_of(directory: Path, port: int, role: str = "cache") -> RedisTarget:
    target = RedisTarget(
        system="redis",
        role=role,
        version="7.0",
        address=HOST,
        port=port,
        directory=str(directory),
        config=str(directory / "redis.conf"),
        acl_file=str(directory / "users.acl"),
        secrets=str(directory / "secrets.conf"),
        password_file=str(directory / "password"),
        operator_password_file=str(directory / "password"),
    )
    target._id = "redis-under-test"
    return target


@contextmanager
def running(
    directory: Path, lines: Sequence[str] = (), role: str = "cache", before: Sequence[str] = ()
) -> Iterator[Node]:
    """A Redis with these lines in its file. `before` is put before its command, such as a limit."""
    directory.mkdir(mode=0o700, exist_ok=True)
    target = target_of(directory, free_port(), role)
    Path(target.password_file).write_text(PASSWORD)
    Path(target.acl_file).write_text(acl(CACHE_RULES if role == "cache" else RULES))
    config = [
        f"bind {HOST}",
        f"port {target.port}",
        f"dir {directory}",
        f"aclfile {target.acl_file}",
        'save ""',
    ]
    Path(target.config).write_text("\n".join([*config, *lines, ""]))
    process = subprocess.Popen(
        [*before, "redis-server", target.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        operator = redis.Redis(HOST, target.port, username="operator", password=PASSWORD, protocol=2,
                               decode_responses=True, socket_timeout=5)  # fmt: skip
        until(operator.ping)
        yield Node(target, operator, process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def sentinel(directory: Path, master: RedisTarget, quorum: int = 1) -> Iterator[SentinelTarget]:
    """A Sentinel that watches `master`, alone in the world."""
    directory.mkdir(exist_ok=True)
    port = free_port()
    places = {name: str(directory / name) for name in ("sentinel.conf", "users.acl", "password")}
    Path(places["password"]).write_text(PASSWORD)
    users = acl(SENTINEL_RULES).replace("~* ", "").splitlines(keepends=True)
    # a Sentinel knows no command of replication
    Path(places["users.acl"]).write_text("".join(users[:3]))
    Path(places["sentinel.conf"]).write_text(
        f"bind {HOST}\nport {port}\ndir {directory}\naclfile {places['users.acl']}\n"
        f"sentinel monitor sessions {HOST} {master.port} {quorum}\n"
        "sentinel down-after-milliseconds sessions 1000\n"
        f"sentinel auth-user sessions operator\nsentinel auth-pass sessions {PASSWORD}\n"
    )
    target = SentinelTarget(
        system="sentinel",
        version="7.0",
        address=HOST,
        port=port,
        directory=str(directory),
        config=places["sentinel.conf"],
        acl_file=places["users.acl"],
        secrets=str(directory / "secrets.conf"),
        password_file=places["password"],
        operator_password_file=places["password"],
        service="sessions",
        monitors="redis-under-test",
    )
    target._id = "sentinel-under-test"
    process = subprocess.Popen(
        ["redis-sentinel", places["sentinel.conf"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        operator = redis.Redis(HOST, port, username="operator", password=PASSWORD, protocol=2)
        until(operator.ping)
        yield target
    finally:
        process.kill()
        process.wait()


@contextmanager
def memcached(directory: Path, *options: str) -> Iterator[MemcachedTarget]:
    """A Memcached with these options, which stand in its file too."""
    target = MemcachedTarget(
        system="memcached",
        version="1.6",
        address=HOST,
        port=free_port(),
        config=str(directory / "memcached.conf"),
    )
    target._id = "memcached-under-test"
    Path(target.config).write_text("\n".join(options))
    user = ("-u", "memcache") if shutil.which("id") and Path("/root").stat().st_uid == 0 else ()
    command = ["memcached", "-l", HOST, "-p", str(target.port), *user, *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.create_connection((HOST, target.port), timeout=1).close() is None)
        yield target
    finally:
        process.kill()
        process.wait()


def until(done: object) -> None:
    """Call `done` until it is true and raises nothing, for START_SECONDS at most."""
    assert callable(done)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(redis.RedisError, OSError, CannotObserve):
            if done():
                return
        time.sleep(0.02)
    raise TimeoutError("it did not come about")


@contextmanager
def lying(said: bytes) -> Iterator[int]:
    """The port of something that says `said` to everybody, whatever is asked, and closes."""
    with socket.create_server((HOST, 0)) as listening:
        over = threading.Event()

        def serve() -> None:
            listening.settimeout(0.05)
            while not over.is_set():
                with suppress(OSError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        thread.join()


@contextmanager
def misses(target: RedisTarget) -> Iterator[None]:
    """Lookups of keys that are not there, all the time."""
    over = threading.Event()

    def ask() -> None:
        with redis.Redis(HOST, target.port, username="operator", password=PASSWORD, protocol=2) as connection:
            while not over.wait(0.002):
                connection.mget([f"cache:none:{number}" for number in range(20)])

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
