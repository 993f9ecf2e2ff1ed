"""Redis is started by its files, proven to be the one that was started, and keeps what it must keep."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from scaling_guide.lab import lifecycle, passwords
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.servers import redis
from scaling_guide.lab.servers.redis import missing, operator, places, settled, without_failover
from scaling_guide.model.environments import Environment, RedisTarget, SentinelTarget
from scaling_guide.model.record import System
from tests.lab.servers.conftest import environment_of, kill, pid_of, target_of

SERVERS = ("redis-cache", "redis-sessions", "redis-sessions-replica")


@pytest.fixture
def environment(live: Lab) -> Environment:
    return environment_of(live)


def server(live: Lab, name: str) -> RedisTarget:
    return target_of(live, name, RedisTarget)


@pytest.fixture
def sessions(live: Lab) -> Iterator[Redis]:
    """The operator's connection to the store of sessions, without what a test left there."""
    with operator(server(live, "redis-sessions")) as connection:
        yield connection
        connection.delete("session:of-a-test")


# -------------------------------------------------------------------------------------------------- readiness


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_ready_when_the_process_that_was_started_answers(live: Lab, name: str) -> None:
    target, pid = server(live, name), pid_of(live, name)
    assert missing(target, pid) is None
    assert missing(target, os.getpid()) == f"process {pid} answers there, not {os.getpid()}"


def test_a_server_that_runs_by_another_file_is_not_ready(live: Lab) -> None:
    target, other = server(live, "redis-cache"), server(live, "redis-sessions")
    strange = target.model_copy(update={"config": other.config})
    assert missing(strange, pid_of(live, target.id)) == f"it runs by {target.config}"


def test_a_server_that_does_not_answer_is_waited_for(live: Lab) -> None:
    target = server(live, "redis-cache").model_copy(update={"port": 6380})
    assert "refused" in str(missing(target, pid_of(live, "redis-cache")))


def test_a_server_that_does_not_know_its_operator_is_not_waited_for(live: Lab, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of another lab")
    target = server(live, "redis-cache").model_copy(
        update={"operator_password_file": str(tmp_path / "password")}
    )
    with pytest.raises(LabError, match=r"redis-cache: .*invalid username-password pair"):
        missing(target, pid_of(live, "redis-cache"))


def test_a_replica_is_not_ready_before_it_has_its_master(live: Lab) -> None:
    replica = server(live, "redis-sessions-replica")
    with operator(replica) as connection:
        master = connection.info("replication")
        try:
            connection.replicaof(replica.address, replica.port + 1)
            assert missing(replica, pid_of(live, replica.id)) == f"its link to {replica.address} is down"
        finally:
            connection.replicaof(master["master_host"], master["master_port"])
    asyncio.run(settled(environment_of(live), replica))
    assert missing(replica, pid_of(live, replica.id)) is None


# -------------------------------------------------------------------------------------------------- kept data


def test_sessions_outlive_a_server_that_is_killed(
    live: Lab, environment: Environment, sessions: Redis
) -> None:
    target = server(live, "redis-sessions")

    async def killed_and_started() -> None:
        async with without_failover(environment):
            kill(live, target.id)
            lifecycle.command("start", target.id, live.number)
            await settled(environment, target)

    sessions.set("session:of-a-test", "of somebody")
    assert sessions.wait(1, 2000) == 1
    sessions.connection_pool.disconnect()
    asyncio.run(killed_and_started())
    assert sessions.info("replication")["role"] == "master"
    assert sessions.get("session:of-a-test") == "of somebody"
    with operator(server(live, "redis-sessions-replica")) as replica:
        assert replica.get("session:of-a-test") == "of somebody"


def test_a_cache_that_was_killed_is_full_again_once_it_has_settled(
    live: Lab, environment: Environment
) -> None:
    target = server(live, "redis-cache")
    with operator(target) as connection:
        connection.set("cache:of-a-test", "kept nowhere")
    kill(live, target.id)
    lifecycle.command("start", target.id, live.number)
    asyncio.run(settled(environment, target))
    with operator(target) as connection:
        assert connection.get("cache:of-a-test") is None
        assert connection.dbsize() >= redis.HOT_KEYS


def test_who_waits_in_vain_for_a_server_to_settle_is_told_for_whom(
    live: Lab, environment: Environment
) -> None:
    replica = server(live, "redis-sessions-replica")

    async def while_it_is_down() -> None:
        async with without_failover(environment):
            lifecycle.command("stop", replica.id, live.number)
            try:
                await settled(environment, replica, 0.2)
            finally:
                lifecycle.command("start", replica.id, live.number)

    with pytest.raises(TimeoutError, match=r"redis-sessions: it has no replica|Connection refused"):
        asyncio.run(while_it_is_down())
    asyncio.run(settled(environment, replica))


def test_sentinels_are_patient_only_as_long_as_they_are_asked_to_be(environment: Environment) -> None:
    def patience() -> set[int]:
        found = set()
        for each in environment.of(System.SENTINEL):
            assert isinstance(each, SentinelTarget)
            with operator(each) as connection:
                found.add(connection.sentinel_master(each.service)["down-after-milliseconds"])
        return found

    async def while_patient() -> None:
        async with without_failover(environment):
            assert patience() == {redis.LONG_MILLISECONDS}
            raise InterruptedError

    before = patience()
    assert redis.LONG_MILLISECONDS not in before
    with pytest.raises(InterruptedError):
        asyncio.run(while_patient())
    assert patience() == before


# ---------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("name", SERVERS)
def test_passwords_stand_in_no_file_that_others_may_read(live: Lab, name: str) -> None:
    directory = live.directory(name)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    secret = Path(server(live, name).secrets)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert passwords.read(live, "redis-replica") in secret.read_text()
    every = [path.read_text() for path in (live.root / "passwords").iterdir()]
    shown = [path.read_text() for path in directory.glob("*.acl")]
    assert shown
    assert not [password for password in every if password in "".join(shown)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as another user")
@pytest.mark.parametrize("name", SERVERS)
def test_no_server_runs_as_root(live: Lab, name: str) -> None:
    assert psutil.Process(pid_of(live, name)).username() == "redis"
    assert {path.owner() for path in live.directory(name).rglob("*")} == {"redis"}


# -------------------------------------------------------------------------------------------- for its clients


def test_the_application_is_told_where_cache_and_sessions_are(live: Lab, environment: Environment) -> None:
    told = places(live, environment)
    assert told["cache"] == f"{live.net}.50:6379"
    assert told["sentinels"] == ",".join(f"{live.net}.{host}:26379" for host in (53, 54, 55))
    assert told["redis-password"] == live.root / "passwords" / "redis-app"


def test_an_application_without_redis_is_told_nothing(live: Lab, environment: Environment) -> None:
    without = environment.model_copy(update={"targets": {}})
    assert places(live, without) == {}
