"""A Sentinel is of use once it knows its master, a replica and its peers, and it is started until it does."""

import re
import stat
from pathlib import Path

import psutil
import pytest

from scaling_guide.lab import lifecycle, passwords
from scaling_guide.lab.layout import Lab
from scaling_guide.systems.redis.server import operator
from scaling_guide.systems.sentinel.server import unaware
from scaling_guide.systems.sentinel.target import SentinelTarget
from tests.systems.conftest import kill, pid_of, target_of, user_of

SENTINELS = ("sentinel-1", "sentinel-2", "sentinel-3")
PEERS = len(SENTINELS) - 1


def sentinel(live: Lab, name: str = "sentinel-1") -> SentinelTarget:
    return target_of(live, name, SentinelTarget)


@pytest.mark.parametrize("name", SENTINELS)
def test_a_sentinel_that_is_ready_knows_master_replica_and_peers(live: Lab, name: str) -> None:
    assert unaware(sentinel(live, name), PEERS) is None


def test_a_sentinel_that_knows_too_few_peers_says_how_many(live: Lab) -> None:
    assert unaware(sentinel(live), PEERS + 1) == f"it knows {PEERS} of its {PEERS + 1} peers"


def test_a_sentinel_that_does_not_answer_is_waited_for(live: Lab) -> None:
    assert "refused" in str(unaware(sentinel(live).model_copy(update={"port": 26380}), PEERS))


def test_a_sentinel_without_a_replica_to_promote_is_of_no_use(live: Lab) -> None:
    target = sentinel(live)
    with operator(target) as connection:
        try:
            # of a master that nobody follows and whose role nobody asks for
            connection.sentinel_monitor("alone", f"{live.net}.50", 6379, PEERS)
            assert unaware(target.model_copy(update={"service": "alone"}), PEERS) in (
                "its master is down",
                "it knows no replica with a link",
            )
        finally:
            connection.sentinel_remove("alone")


def test_a_sentinel_that_was_killed_comes_back_as_itself_and_not_as_a_fourth(live: Lab) -> None:
    before = identity(live)
    kill(live, "sentinel-1")
    lifecycle.command("start", "sentinel-1", live.number)
    assert unaware(sentinel(live), PEERS) is None
    assert identity(live) == before
    for name in SENTINELS[1:]:
        with operator(sentinel(live, name)) as connection:
            peers = connection.sentinel_sentinels(sentinel(live).service)
        assert sorted(each["ip"] for each in peers) == sorted(
            sentinel(live, other).address for other in SENTINELS if other != name
        )


def identity(live: Lab) -> str:
    """The number by which the others know a Sentinel, from its files."""
    texts = "".join(path.read_text() for path in live.directory("sentinel-1").glob("*.conf"))
    return str(re.findall(r"^sentinel myid (\w{40})$", texts, re.MULTILINE)[-1])


def test_passwords_are_for_the_sentinel_alone(live: Lab) -> None:
    for name in SENTINELS:
        assert stat.S_IMODE(live.directory(name).stat().st_mode) == 0o700
        assert passwords.read(live, "redis-sentinel") in Path(sentinel(live, name).secrets).read_text()
        assert passwords.read(live, "redis-sentinel") not in Path(sentinel(live, name).acl_file).read_text()


def test_no_sentinel_runs_as_root(live: Lab) -> None:
    assert {psutil.Process(pid_of(live, name)).username() for name in SENTINELS} == {user_of("redis")}
