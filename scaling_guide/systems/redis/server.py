"""Redis: a cache, a store of sessions and its replica. What a running one cannot be told takes a restart."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from redis.backoff import ConstantBackoff, NoBackoff
from redis.retry import Retry

from scaling_guide.lab import files, passwords, processes, waiting
from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.app.program.cache import HOT_KEYS
from scaling_guide.systems.redis.probe import LOOKUPS_NEEDED
from scaling_guide.systems.redis.target import RedisProcess, RedisTarget
from scaling_guide.systems.sentinel.target import SentinelTarget

ANSWER_SECONDS = 1.0
START_SECONDS = 12.0
SETTLE_SECONDS = 20.0
LONG_MILLISECONDS = 600_000
WARM_SECONDS = 0.1
CACHE = "cache"
# what CONFIG SET refuses
READ_AT_START = frozenset(
    {"aclfile", "daemonize", "dir", "include", "io-threads", "port", "replicaof", "tcp-backlog"}
)


def server(lab: Lab, target: RedisTarget, render: Render, needs: tuple[str, ...] = ()) -> Server:
    """The server that this target describes, configured by the files that `render` returns."""

    def secret_lines() -> tuple[str, ...]:
        return (f"masterauth {passwords.read(lab, 'redis-replica')}",)

    started = started_with_secrets(lab, target, render, needs, secret_lines, partial(missing, target))
    return replace(started, start_seconds=START_SECONDS)


def started_with_secrets(
    lab: Lab,
    target: RedisProcess,
    render: Render,
    needs: tuple[str, ...],
    secret_lines: Callable[[], tuple[str, ...]],
    lack: Callable[[int], str | None],
) -> Server:
    """A program of Redis whose file includes one with `secret_lines`; ready when `lack` finds none."""
    user = processes.ordinary_user("redis")
    directory = lab.directory(target.id)
    make_passwords(lab)

    def prepare() -> None:
        files.write(directory, passwords.filled(lab, render()))
        write_secret(Path(target.secrets), "\n".join((*secret_lines(), "")).encode())
        own(directory, user)

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(lack, pid)

    return Server(
        name=target.id,
        argv=(target.binary, target.config),
        binds=(Bind(target.address, target.port),),
        needs=needs,
        user=user,
        prepare=prepare,
        ready=ready,
    )


def places(lab: Lab, environment: Environment) -> Mapping[str, object]:
    """The options that tell the application where its cache and its sessions are."""
    caches = [each for each in environment.of("redis") if each.role == CACHE]
    sentinels = environment.of("sentinel")
    addresses = [f"{each.address}:{each.port}" for each in (*caches[:1], *sentinels)
                 if isinstance(each, RedisProcess)]  # fmt: skip
    if not addresses:
        return {}
    make_passwords(lab)
    return {
        "cache": addresses[0],
        "sentinels": ",".join(addresses[1:]),
        "redis-password": passwords.file(lab, "redis-app"),
    }


def make_passwords(lab: Lab) -> None:
    """Make what all servers share before they start side by side."""
    for name in ("checker", "operator", "app", "replica", "sentinel"):
        passwords.file(lab, f"redis-{name}")


def own(directory: Path, user: str | None) -> None:
    """Close the directory to everybody but the user that the server runs as: it writes passwords there."""
    directory.chmod(0o700)
    if user:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, user, user)


def operator(target: RedisProcess) -> redis.Redis:
    """A connection of the operator, who may do everything."""
    return redis.Redis(
        host=target.address,
        port=target.port,
        username=target.operator,
        password=Path(target.operator_password_file).read_text(),
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        # whoever waits for it asks again, and others want to know that it is down
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
        protocol=2,
    )


@asynccontextmanager
async def without_failover(environment: Environment) -> AsyncIterator[None]:
    """Sentinels that wait for long, while servers are down for longer than in real life they may be."""
    sentinels = [each for each in environment.of("sentinel") if isinstance(each, SentinelTarget)]
    before = {each.id: patience(each, LONG_MILLISECONDS) for each in sentinels}
    try:
        yield
    finally:
        for each in sentinels:
            patience(each, before[each.id])


def patience(target: SentinelTarget, milliseconds: int) -> int:
    """Set how long this Sentinel waits until a node counts as down. Returns how long it was until now."""
    with operator(target) as connection:
        before: int = connection.sentinel_master(target.service)["down-after-milliseconds"]
        connection.sentinel_set(target.service, "down-after-milliseconds", milliseconds)
    return before


def told(target: RedisTarget, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Make the server that runs `before` run `after`, which its files hold already. False where it cannot be.

    That is CONFIG SET for every directive that changed, to its default where it is gone, and ACL SETUSER for
    every user; counters begin anew, as after a restart.
    """
    config, users = Path(target.config).name, Path(target.acl_file).name
    old, new = _directives(before[config]), _directives(after[config])
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    wanted = {**_defaults(target.binary), **new} if changed else new
    if changed & READ_AT_START or not changed <= wanted.keys():
        return False
    try:
        with operator(target) as connection:
            for name in changed:
                connection.config_set(name, wanted[name])
            tell_users(connection, users_in(before[users]), users_in(after[users]))
            connection.config_resetstat()
    except redis.ResponseError:
        # it says no more than a start would, and a start says it for good
        return False
    return True


def users_in(text: str) -> Mapping[str, tuple[str, ...]]:
    """The rules of each user in a file of users."""
    lines = (line.split() for line in text.splitlines() if line.startswith("user "))
    return {name: tuple(rules) for _, name, *rules in lines}


def tell_users(
    connection: redis.Redis, old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> None:
    """One by one: ACL LOAD would end the connections of all of them."""
    for name in old.keys() - new.keys() - {"default"}:
        connection.execute_command("ACL", "DELUSER", name)  # type: ignore[no-untyped-call]
    # the user that everybody is at first cannot be deleted, and may do everything when nothing is said
    for name, rules in {"default": _ANYTHING, **new}.items():
        if old.get(name, _ANYTHING) != rules:
            connection.execute_command("ACL", "SETUSER", name, "reset", *rules)  # type: ignore[no-untyped-call]


_ANYTHING = ("on", "nopass", "~*", "&*", "+@all")


@cache
def _defaults(binary: str) -> Mapping[str, str]:
    """What a server does whose file is empty, by names of directives."""
    with TemporaryDirectory(prefix="sg-") as directory:
        path = f"{directory}/s"
        argv = (binary, "--port", "0", "--unixsocket", path, "--dir", directory)
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                return _asked(path)
            finally:
                process.terminate()


def _asked(path: str) -> Mapping[str, str]:
    """The settings of a server behind a Unix socket. Raises RedisError when it does not get ready."""
    retry = Retry(ConstantBackoff(0.01), int(ANSWER_SECONDS / 0.01))
    with redis.Redis(unix_socket_path=path, decode_responses=True, protocol=2, retry=retry) as connection:
        found: dict[str, str] = connection.config_get("*")
    return found


def _directives(text: str) -> dict[str, str]:
    lines = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: " ".join(value) for name, *value in lines}


async def settled(environment: Environment, target: RedisProcess, seconds: float = SETTLE_SECONDS) -> None:
    """Return once a restart of `target` is over for everybody. Raises TimeoutError that says for whom not.

    A cache is full again; sessions have their replica, and all Sentinels know and trust both.
    """

    async def lack() -> str | None:
        if target.role == CACHE:
            return await _cold(target)
        return await asyncio.to_thread(_apart, environment)

    await waiting.until(lack, seconds)


async def _cold(target: RedisProcess) -> str | None:
    """Whether the application has yet to write what it looks up, or looks up too little to tell anything."""
    with operator(target) as connection:
        if (keys := int(connection.dbsize())) < HOT_KEYS:
            return f"it has {keys} of {HOT_KEYS} keys"
        before = connection.info("stats")
        await asyncio.sleep(WARM_SECONDS)
        after = connection.info("stats")
    hits, misses = (after[name] - before[name] for name in ("keyspace_hits", "keyspace_misses"))
    return None if hits >= LOOKUPS_NEEDED and not misses else f"{misses} lookups missed and {hits} did not"


def _apart(environment: Environment) -> str | None:
    """What of the sessions' servers does not know the others yet."""
    nodes = [each for each in environment.of("redis") if each.role != CACHE]
    sentinels = environment.of("sentinel")
    try:
        for each in nodes:
            assert isinstance(each, RedisTarget)
            if reason := _alone(each):
                return f"{each.id}: {reason}"
        for each in sentinels:
            assert isinstance(each, SentinelTarget)
            if reason := _unsure(each, len(sentinels)):
                return f"{each.id}: {reason}"
    except redis.RedisError as error:
        return str(error)
    return None


def _alone(target: RedisTarget) -> str | None:
    with operator(target) as connection:
        info = connection.info("replication")
    if info["role"] == "slave":
        return None if info["master_link_status"] == "up" else "its link is down"
    replicas = [info[f"slave{number}"] for number in range(info["connected_slaves"])]
    return None if any(each["state"] == "online" for each in replicas) else "it has no replica"


def _unsure(target: SentinelTarget, sentinels: int) -> str | None:
    with operator(target) as connection:
        quorum = connection.execute_command(f"SENTINEL CKQUORUM {target.service}")
        master = connection.sentinel_master(target.service)
        replicas = connection.sentinel_slaves(target.service)
        peers = connection.sentinel_sentinels(target.service)
    if f"{sentinels} usable" not in str(quorum):
        return str(quorum)
    if master["flags"] != "master" or any(each["flags"] != "sentinel" for each in peers):
        return f"its master is {master['flags']}"
    if not any(each["flags"] == "slave" and each["master-link-status"] == "ok" for each in replicas):
        return "it knows no replica with a link"
    return None


def missing(target: RedisProcess, pid: int) -> str | None:
    """Why the process does not serve yet; None when it does, is the one started, and has its data.

    Raises LabError where it never will, because it does not know its operator.
    """
    try:
        with operator(target) as connection:
            info = connection.info()
    except redis.AuthenticationError as error:
        raise LabError(f"{target.id}: {error}", target.id) from None
    except redis.RedisError as error:
        return str(error)
    if info["process_id"] != pid:
        return f"process {info['process_id']} answers there, not {pid}"
    if os.path.realpath(info["config_file"]) != os.path.realpath(target.config):
        return f"it runs by {info['config_file']}"
    if info.get("role") == "slave" and info.get("master_link_status") != "up":
        return f"its link to {info.get('master_host')} is {info.get('master_link_status')}"
    return None
