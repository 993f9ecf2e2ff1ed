"""What the probes of Redis see of real servers, what does not deceive them, and what they say in failing."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis as client

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import (
    CannotObserve,
    Malformed,
    Timeout,
    Undetermined,
    Unreachable,
    Unsupported,
)
from scaling_guide.systems.redis import probe as redis
from scaling_guide.systems.redis.target import RedisTarget
from tests.systems.redis import servers
from tests.systems.redis.servers import Node, lying, misses

DEADLINE = 5.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("redis")


@pytest.fixture(scope="module")
def cache(place: Path) -> Iterator[Node]:
    with servers.running(place / "cache", ["maxmemory 64mb", "maxmemory-policy allkeys-lfu"]) as node:
        yield node


@pytest.fixture(autouse=True)
def as_started(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "cache" in request.fixturenames:
        node: Node = request.getfixturevalue("cache")
        node.operator.flushall()
        node.operator.config_set("maxmemory-policy", "allkeys-lfu")
        node.operator.acl_load()
        node.operator.config_resetstat()


def around(target: RedisTarget) -> Environment:
    return Environment(title="Test", tier="medium", site="app.test", targets={target.id: target})


def look(target: RedisTarget, deadline: float = DEADLINE) -> Mapping[str, Any]:
    return redis.probe(around(target), target, deadline)[1]


def config(target: RedisTarget) -> Mapping[str, Any]:
    return redis.config(around(target), target, DEADLINE)[1]


# ------------------------------------------------------------------------------------- false greens


def test_a_hit_ratio_that_collapsed_is_seen_behind_a_long_and_good_life(cache: Node) -> None:
    """F12: the counters since the start say 97 percent."""
    cache.operator.set("cache:a", 1, ex=60)
    with cache.operator.pipeline(transaction=False) as pipeline:
        for _ in range(4000):
            pipeline.get("cache:a")
        pipeline.execute()
    with misses(cache.target):
        seen = look(cache.target)
    since_start = seen["stats > hits since start"]
    assert since_start / (since_start + seen["stats > misses since start"]) > 0.5
    assert seen["sample > hit ratio"] < 0.1


def test_too_few_lookups_are_no_ratio(cache: Node) -> None:
    ratio = look(cache.target)["sample > hit ratio"]
    assert isinstance(ratio, Undetermined)
    assert ratio.empty
    assert ratio.because.startswith("0 lookups in ")


def test_a_limit_of_clients_that_redis_lowered_by_itself_is_seen(place: Path) -> None:
    """F8: the file says 5000, and the process may open 512 files."""
    limited = ["prlimit", "--nofile=512:512"]
    with servers.running(place / "limited", ["maxclients 5000"], before=limited) as node:
        assert config(node.target)["file > maxclients"] == "5000"
        assert look(node.target)["clients > maxclients"] == 480
        assert config(node.target)["running > differs from file"] == "maxclients: 5000 in the file, 480 runs"


def test_a_master_without_a_password_for_replication_is_told_before_its_failover(place: Path) -> None:
    """F11: a failover works, and the old master never follows."""
    with servers.running(place / "master", ["masteruser replica"], role="sessions") as node:
        seen = config(node.target)
        assert "file > masterauth" not in seen
        assert seen["file > masteruser"] == "replica"


def test_the_link_is_told_from_both_ends_and_so_is_its_loss(place: Path) -> None:
    with servers.running(place / "upstream", role="sessions") as master:
        follows = [
            *(f"replicaof {servers.HOST} {master.target.port}", "masteruser replica"),
            f"masterauth {servers.PASSWORD}",
        ]
        with servers.running(place / "downstream", follows, role="sessions-replica") as replica:
            servers.until(lambda: replica.operator.info()["master_link_status"] == "up")
            servers.until(lambda: master.operator.info().get("slave0", {}).get("state") == "online")
            assert look(master.target)["replication > link"] == "up"
            assert look(replica.target)["replication > link"] == "up"
        assert look(master.target)["replication > link"] == "no replica is online"


# --------------------------------------------------------------------------------------- behaviours


def test_a_key_that_never_expires_is_counted(cache: Node) -> None:
    cache.operator.set("cache:a", 1, ex=60)
    assert look(cache.target)["keyspace > without ttl"] == 0
    cache.operator.set("cache:b", 1)
    assert look(cache.target)["keyspace > without ttl"] == 1


def test_keys_that_expire_together_are_told_from_spread_ones(cache: Node) -> None:
    for number in range(200):
        cache.operator.set(f"cache:{number}", 1, ex=1000 + number * 10)
    share = f"ttl sample > largest share in {redis.BUCKET_SECONDS} s"
    assert look(cache.target)[share] < 0.1
    for number in range(200):
        cache.operator.expire(f"cache:{number}", 1000)
    assert look(cache.target)[share] > 0.9


def test_few_keys_tell_nothing_of_their_spread(cache: Node) -> None:
    cache.operator.set("cache:a", 1, ex=60)
    share = f"ttl sample > largest share in {redis.BUCKET_SECONDS} s"
    assert look(cache.target)[share] == Undetermined("1 keys that expire were drawn; 50 are needed")


def test_an_empty_cache_says_nothing_of_its_keys(cache: Node) -> None:
    seen = look(cache.target)
    nothing = [
        setting for setting, value in seen.items() if value == Undetermined("there is no key", empty=True)
    ]
    assert sorted(nothing) == [
        "keyspace > without ttl",
        "ttl sample > beyond their class",
        "ttl sample > outside the cache's names",
        "ttl sample > undocumented names",
        "ttl sample > without ttl",
    ]


def test_keys_of_somebody_else_are_counted_and_not_read(cache: Node) -> None:
    for number in range(60):
        cache.operator.set(f"other:{number}", 1, ex=60)
    assert look(cache.target)["ttl sample > outside the cache's names"] > 40


def test_a_write_that_was_refused_stays_counted(cache: Node) -> None:
    cache.operator.config_set("maxmemory-policy", "noeviction")
    cache.operator.config_set("maxmemory-clients", 0)
    cache.operator.config_set("maxmemory", "1mb")
    with pytest.raises(client.ResponseError, match="maxmemory"):
        cache.operator.set("cache:a", "x" * 2_000_000)
    cache.operator.config_set("maxmemory", "64mb")
    assert look(cache.target)["errors > OOM"] == 1


def test_a_door_that_is_open_is_told(cache: Node) -> None:
    assert look(cache.target)["without password > answer"] == "refused"
    cache.operator.execute_command("ACL", "SETUSER", "default", "on", "nopass", "+@all")
    assert look(cache.target)["without password > answer"] == "answered"


def test_a_checker_that_may_do_more_is_told_what(cache: Node) -> None:
    assert look(cache.target)["acl > checker may"] == "none"
    cache.operator.execute_command("ACL", "SETUSER", "checker", "+get", "+flushall", "~*")
    assert look(cache.target)["acl > checker may"] == "get key, flushall"


def test_without_a_limit_nothing_is_a_share_of_it(place: Path) -> None:
    with servers.running(place / "unlimited") as node:
        assert look(node.target)["memory > used share"] == "no limit"


# --------------------------------------------------------------------------------- the file and its passwords


def test_what_was_changed_while_it_ran_is_told_with_both_values(cache: Node) -> None:
    assert config(cache.target)["running > differs from file"] == "none"
    cache.operator.config_set("maxmemory-policy", "noeviction")
    told = config(cache.target)["running > differs from file"]
    assert told == "maxmemory-policy: allkeys-lfu in the file, noeviction runs"


def test_sizes_are_compared_in_bytes_and_by_redis_own_suffixes(place: Path) -> None:
    with servers.running(place / "sizes", ["maxmemory 100m", "repl-backlog-size 2mb"]) as node:
        assert config(node.target)["running > differs from file"] == "none"
        node.operator.config_set("maxmemory", 100 << 20)
        assert "100m in the file, 104857600 runs" in config(node.target)["running > differs from file"]


def test_no_password_reaches_an_observation(place: Path) -> None:
    secret = [f"masterauth {servers.PASSWORD}", "masteruser replica"]
    with servers.running(place / "secret", secret, role="sessions") as node:
        node.operator.config_rewrite()
        seen = {**config(node.target), **look(node.target)}
    assert servers.PASSWORD not in str(seen)
    assert seen["file > masterauth"] == "set"


def test_files_are_private_in_a_closed_directory_only(place: Path) -> None:
    with servers.running(place / "modes") as node:
        assert config(node.target)["files > readable by everyone"] == "none"
        Path(node.target.directory).chmod(0o755)
        assert "config" in config(node.target)["files > readable by everyone"]


def test_the_queue_of_the_listening_socket_is_what_the_kernel_gives(place: Path) -> None:
    with servers.running(place / "backlog", ["tcp-backlog 77"]) as node:
        assert config(node.target)["listen > backlog"] == 77


def test_an_include_that_nobody_knows_of_is_not_passed_over(cache: Node) -> None:
    with pytest.raises(Unsupported, match="includes a file other than"):
        redis.read(cache.target, "include /etc/redis/more.conf\n", "")


def test_a_later_directive_wins_and_an_empty_one_is_shown(cache: Node) -> None:
    text = f'timeout 1\nTIMEOUT 2\nsave ""\ninclude {cache.target.secrets}\n'
    found = redis.read(cache.target, text, "masterauth set\n")
    assert (found["timeout"], found["save"], found["masterauth"]) == ("2", '""', "set")


# ------------------------------------------------------------------------------------------ who cannot look


def test_a_port_at_which_nobody_listens_is_unreachable(cache: Node) -> None:
    with pytest.raises(Unreachable, match="refused"):
        look(cache.target.model_copy(update={"port": servers.free_port()}))


def test_a_wrong_password_is_unreachable_and_names_its_file(cache: Node, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    with pytest.raises(Unreachable, match="wrong the one"):
        look(cache.target.model_copy(update={"password_file": str(tmp_path / "wrong")}))


def test_a_missing_password_file_is_unreachable(cache: Node) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        look(cache.target.model_copy(update={"password_file": "/nowhere"}))


def test_a_user_that_may_not_ask_is_unsupported_and_told_what_to_give(cache: Node) -> None:
    cache.operator.execute_command("ACL", "SETUSER", "checker", "-info")
    with pytest.raises(Unsupported, match="checker may not run INFO"):
        look(cache.target)


def test_a_stopped_server_times_out(cache: Node) -> None:
    cache.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(Timeout):
            look(cache.target, 0.3)
    finally:
        cache.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("said", [b"SSH-2.0-nonsense\r\n", b"\x00\x01\x02", b"$9999\r\nred", b""])
def test_another_protocol_or_half_an_answer_is_never_an_observation(cache: Node, said: bytes) -> None:
    with lying(said) as port, pytest.raises(CannotObserve):
        look(cache.target.model_copy(update={"port": port}), 0.5)


def test_half_an_answer_to_info_is_malformed() -> None:
    with pytest.raises(Malformed, match="no version"):
        redis.fields("# Server\r\nredis_mode:standalone\r\n")
