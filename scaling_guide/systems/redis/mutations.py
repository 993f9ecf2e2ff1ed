"""How caches and stores of sessions break in real life."""

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import redis

from scaling_guide.lab import files, waiting
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.systems.redis.server import CACHE, operator, settled, tell_users, users_in
from scaling_guide.systems.redis.target import RedisProcess, RedisTarget

# longer than any documented silence until a node counts as down
NOTICED_SECONDS = 20.0


FILLER = "x" * 10_000


def node_of(bench: Bench) -> redis.Redis:
    assert isinstance(bench.target, RedisProcess)
    return operator(bench.target)


def _ordered(node: redis.Redis, *words: str) -> None:
    """Run a command as it is written."""
    node.execute_command(*words)  # type: ignore[no-untyped-call]


async def settled_again(bench: Bench) -> None:
    assert isinstance(bench.target, RedisProcess)
    await settled(bench.environment, bench.target)


def nodes(bench: Bench) -> list[RedisTarget]:
    """The nodes that hold the sessions."""
    return [
        each for each in bench.environment.of("redis") if isinstance(each, RedisTarget) and each.role != CACHE
    ]


def _values(bench: Bench) -> str:
    """How keys of a mutant begin that look like those of computed values."""
    return f"{bench.guide.cache_keys['value'].begins}mutant"


def _old_values(bench: Bench) -> str:
    """The same in a generation that no release writes."""
    return f"{bench.guide.cache_keys['value'].prefix.replace('{generation}', 'v0')}mutant"


@contextmanager
def _set(node: redis.Redis, **settings: str | int) -> Iterator[None]:
    """Other settings, and afterwards the old ones and counters that begin anew."""
    names = {name.replace("_", "-"): value for name, value in settings.items()}
    before = {name: str(node.config_get(name)[name]) for name in names}
    for name, value in names.items():
        node.config_set(name, value)
    try:
        yield
    finally:
        # in reverse, so that the room for clients is not first a share of too little
        for name, value in reversed(before.items()):
            node.config_set(name, value)
        node.config_resetstat()


def config_set(**settings: str | int) -> Applied:
    """Settings that somebody changed while the server ran, without a trace in the file."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        with node_of(bench) as node, _set(node, **settings):
            yield ", ".join(f"CONFIG SET {name} {value}" for name, value in settings.items())

    return applied


@asynccontextmanager
async def policy_changed(bench: Bench) -> AsyncIterator[str]:
    """The other policy: what is right for sessions is wrong for a cache."""
    await bench.restore()
    policy = "noeviction" if bench.target.role == CACHE else "allkeys-lfu"
    with node_of(bench) as node, _set(node, maxmemory_policy=policy):
        yield f"CONFIG SET maxmemory-policy {policy}"


@contextmanager
def _writable(node: redis.Redis) -> Iterator[None]:
    """A replica takes writes for a moment, as after a failover that nobody noticed."""
    info = node.info("replication")
    if info["role"] == "master":
        yield
        return
    node.replicaof("NO", "ONE")
    try:
        yield
    finally:
        node.replicaof(info["master_host"], info["master_port"])


def _refused(node: redis.Redis, name: str) -> None:
    """Try to write. Raises DidNotLand where the server takes it."""
    try:
        node.set(name, FILLER, ex=60)
    except redis.ResponseError:
        return
    node.delete(name)
    raise DidNotLand("the write was taken")


@asynccontextmanager
async def memory_full(bench: Bench) -> AsyncIterator[str]:
    """The memory is full, and nothing may be evicted."""
    await bench.restore()
    # a share of so little memory is too little for any client, the one of the mutation included
    with (
        node_of(bench) as node,
        _set(node, maxmemory_clients=0, maxmemory_policy="noeviction", maxmemory="1mb"),
    ):
        with _writable(node):
            _refused(node, _values(bench) if bench.target.role == CACHE else "session:mutant")
        await settled_again(bench)
        yield "OOM command not allowed when used memory > 'maxmemory'"


@asynccontextmanager
async def min_replicas_two(bench: Bench) -> AsyncIterator[str]:
    """More replicas were asked for than there are, and writes were refused. The counter outlives that."""
    await bench.restore()
    with node_of(bench) as node:
        with _writable(node):
            node.config_set("min-replicas-to-write", 2)
            _refused(node, _values(bench) if bench.target.role == CACHE else "session:mutant")
            node.config_set("min-replicas-to-write", 0)
        await settled_again(bench)
        try:
            yield "min-replicas-to-write 2 for a moment"
        finally:
            node.config_resetstat()


@asynccontextmanager
async def clients_exhausted(bench: Bench) -> AsyncIterator[str]:
    """More clients came than there is room for. The counter outlives them."""
    await bench.restore()
    target = bench.target
    assert isinstance(target, RedisTarget)
    with node_of(bench) as node:
        most = node.config_get("maxclients")["maxclients"]
        node.config_set("maxclients", node.info("clients")["connected_clients"] + 2)
        with ExitStack() as held:
            for _ in range(10):
                held.enter_context(socket.create_connection((target.address, target.port), timeout=2))
            rejected = await _until(lambda: node.info("stats")["rejected_connections"])
        node.config_set("maxclients", most)
        try:
            yield f"{rejected} connections rejected"
        finally:
            node.config_resetstat()


async def _until(look: Callable[[], int]) -> int:
    """What `look` finds, once that is something. Raises TimeoutError."""

    async def missing() -> str | None:
        return None if look() else "nothing happened"

    await waiting.until(missing, 5)
    return look()


def acl(name: str, *rules: str) -> Applied:
    """A user changed while the server runs; afterwards the users of the file again."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        assert isinstance(bench.target, RedisProcess)
        users = users_in(bench.pristine[Path(bench.target.acl_file).name])
        with node_of(bench) as node:
            _ordered(node, "ACL", "SETUSER", name, *rules)
            try:
                yield f"ACL SETUSER {name} {' '.join(rules)}"
            finally:
                tell_users(node, {**users, name: rules}, users)

    return applied


@asynccontextmanager
async def directory_open(bench: Bench) -> AsyncIterator[str]:
    """Everybody may look into the directory in which a failover writes passwords."""
    await bench.restore()
    mode = bench.directory.stat().st_mode & 0o777
    bench.directory.chmod(0o755)
    try:
        yield "chmod 755"
    finally:
        bench.directory.chmod(mode)


def file_lacks(*beginnings: str) -> Applied:
    """A line is missing in the file; what runs has it still."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        assert isinstance(bench.target, RedisProcess)
        config = Path(bench.target.config).name
        lines = bench.pristine[config].splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(beginnings)]
        if kept == lines:
            raise DidNotLand(f"no line begins with {' or '.join(beginnings)}")
        before = bench.directory / config
        written = before.read_text()
        files.write(bench.directory, {config: "".join(kept)})
        try:
            yield f"{config} without {' and '.join(beginnings)}"
        finally:
            before.write_text(written)

    return applied


def keys(pattern: str | Callable[[Bench], str], count: int, seconds: int | None, apart: int = 0) -> Applied:
    """So many keys that live so long, each a little longer than the one before, or that live for ever."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        begins = pattern if isinstance(pattern, str) else pattern(bench)
        names = [f"{begins}{number}" for number in range(count)]
        with node_of(bench) as node:
            with node.pipeline(transaction=False) as pipeline:
                for number, name in enumerate(names):
                    pipeline.set(name, "mutant", ex=seconds and seconds + number * apart)
                pipeline.execute()
            try:
                yield f"{count} keys {begins}, {f'{seconds} s to live' if seconds else 'no time to live'}"
            finally:
                node.delete(*names)

    return applied


@contextmanager
def _meanwhile(bench: Bench, act: Callable[[redis.Redis, int], None]) -> Iterator[None]:
    """Do something again and again, beside the checks."""
    over = threading.Event()

    def run() -> None:
        with node_of(bench) as node:
            turn = 0
            while not over.wait(0.002):
                act(node, turn)
                turn += 1

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


@asynccontextmanager
async def hit_ratio_collapsed(bench: Bench) -> AsyncIterator[str]:
    """A release asks for keys that nobody has written; the average since the start hardly moves."""
    await bench.restore()

    def miss(node: redis.Redis, turn: int) -> None:
        node.mget([f"{_old_values(bench)}{turn}:{number}" for number in range(200)])

    with _meanwhile(bench, miss):
        yield "lookups for the keys of another generation"


def _dumped(node: redis.Redis, name: str) -> Any:
    """A large value in the form that RESTORE takes."""
    node.set(name, FILLER, ex=60)
    try:
        return node.dump(name)
    finally:
        node.delete(name)


@asynccontextmanager
async def memory_short(bench: Bench) -> AsyncIterator[str]:
    """The memory is small for what is written. A cache evicts at each write, sessions are nearly full."""
    await bench.restore()

    def write(node: redis.Redis, turn: int) -> None:
        # as what nobody has ever asked for, so that it is pushed out before what is in use
        name, seconds = f"{_values(bench)}{turn}", 3000 + turn * 7 % 900
        node.restore(name, seconds * 1000, filler, frequency=0)

    with node_of(bench) as node:
        used = node.info("memory")["used_memory"]
        is_cache = bench.target.role == CACHE
        room = used + 3_000_000 if is_cache else used * 102 // 100
        with _set(node, maxmemory_clients=0, maxmemory=room):
            if is_cache:
                filler = _dumped(node, _values(bench))
                with _meanwhile(bench, write):
                    await _until(lambda: node.info("stats")["evicted_keys"])
                    yield f"CONFIG SET maxmemory {room}, and writes"
                for key in node.scan_iter(f"{_values(bench)}*", count=1000):
                    node.delete(key)
                await settled_again(bench)
            else:
                yield f"CONFIG SET maxmemory {room}"


@asynccontextmanager
async def partner_gone(bench: Bench) -> AsyncIterator[str]:
    """The node at the other end of replication is dead, not for so long that a failover begins."""
    await bench.restore()
    (partner,) = (each for each in nodes(bench) if each.id != bench.target.id)
    await bench.order("kill", partner.id)
    try:
        yield f"{partner.id} killed"
    finally:
        await bench.order("start", partner.id)
        await settled_again(bench)


@asynccontextmanager
async def replication_refused(bench: Bench) -> AsyncIterator[str]:
    """The replica's password was changed on the master, and the next time it connects it is refused."""
    await bench.restore()
    master, replica = sorted(
        map(operator, nodes(bench)), key=lambda node: str(node.info("replication")["role"])
    )
    with master, replica:
        _ordered(master, "ACL", "SETUSER", "replica", "resetpass", ">changed")
        try:
            _ordered(master, "CLIENT", "KILL", "TYPE", "replica")
            await _until(lambda: replica.info("replication")["master_link_status"] == "down")
            yield "ACL SETUSER replica resetpass"
        finally:
            _ordered(master, "ACL", "LOAD")
            await settled_again(bench)


MUTATIONS: Mutations = {
    "redis-policy-changed": policy_changed,
    "redis-maxmemory-none": config_set(maxmemory=0),
    "redis-maxclients-low": config_set(maxclients=500),
    "redis-memory-full": memory_full,
    "redis-min-replicas-two": min_replicas_two,
    "redis-clients-exhausted": clients_exhausted,
    "redis-default-user-on": acl("default", "on", "nopass", "+@all", "~*"),
    "redis-checker-powerful": acl("checker", "+@all", "~*"),
    "redis-user-unknown": acl("intruder", "on", "nopass", "+@all", "~*"),
    "redis-directory-open": directory_open,
    "redis-replication-user-missing": file_lacks("masteruser"),
    "redis-replication-password-missing": file_lacks("include"),
    "redis-key-without-ttl": keys(_values, 1, None),
    "redis-foreign-keys": keys("other:", 300, 3000),
    "redis-keys-of-old-release": keys(_old_values, 300, 1000, apart=7),
    "redis-keys-kept-too-long": keys(_values, 300, 7200, apart=7),
    "redis-ttl-without-jitter": keys(_values, 1000, 3000),
    "redis-hit-ratio-collapsed": hit_ratio_collapsed,
    "redis-memory-short": memory_short,
    "redis-partner-gone": partner_gone,
    "redis-replication-refused": replication_refused,
}
