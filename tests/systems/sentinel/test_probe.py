"""What the probe of Sentinel sees of a real one, and what it says when it cannot look."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis as client

from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import CannotObserve, Malformed, Unreachable, Unsupported
from scaling_guide.systems.sentinel import probe as sentinel
from scaling_guide.systems.sentinel.target import SentinelTarget
from tests.systems.redis import servers
from tests.systems.redis.servers import Node

DEADLINE = 5.0


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with servers.running(tmp_path_factory.mktemp("sessions"), role="sessions") as node:
        yield node


@pytest.fixture(scope="module")
def watching(master: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelTarget]:
    with servers.sentinel(tmp_path_factory.mktemp("sentinel"), master.target) as target:
        servers.until(lambda: look(target)["master > flags"] == "master")
        yield target


def look(target: SentinelTarget) -> Mapping[str, Any]:
    environment = Environment(title="Test", tier="medium", site="app.test", targets={target.id: target})
    return sentinel.probe(environment, target, DEADLINE)[1]


def test_a_quorum_that_can_be_reached_is_ok(watching: SentinelTarget) -> None:
    seen = look(watching)
    assert (seen["ckquorum > result"], seen["ckquorum > usable"]) == ("OK", 1)
    assert seen["master > down-after-milliseconds"] == "1000"


def test_a_quorum_that_cannot_be_reached_is_an_observation_and_no_error(master: Node, tmp_path: Path) -> None:
    """Everything else is well: the master is up, and the Sentinel answers."""
    with servers.sentinel(tmp_path, master.target, quorum=2) as target:
        servers.until(lambda: look(target)["master > flags"] == "master")
        seen = look(target)
    assert (seen["ckquorum > result"], seen["ckquorum > usable"]) == ("NOQUORUM", 1)


def test_replicas_that_were_never_seen_are_not_healthy(watching: SentinelTarget) -> None:
    seen = look(watching)
    assert (seen["replicas > count"], seen["replicas > healthy"], seen["peers > up"]) == (0, 0, 0)


def test_a_replica_without_a_link_is_not_healthy() -> None:
    known = {"flags": "slave", "master-link-status": "ok"}
    assert sentinel._is_healthy(known)
    assert not sentinel._is_healthy({**known, "master-link-status": "err"})
    assert not sentinel._is_healthy({**known, "flags": "s_down,slave,disconnected"})


def test_a_checker_that_may_order_a_failover_is_told(watching: SentinelTarget) -> None:
    assert look(watching)["acl > checker may"] == "none"
    with client.Redis(
        servers.HOST, watching.port, username="operator", password=servers.PASSWORD
    ) as operator:
        operator.execute_command("ACL", "SETUSER", "checker", "+sentinel|failover")
        try:
            assert look(watching)["acl > checker may"] == "sentinel failover"
        finally:
            operator.execute_command("ACL", "LOAD")


def test_a_service_that_it_does_not_watch_is_unsupported(watching: SentinelTarget) -> None:
    with pytest.raises(Unsupported, match="No such master"):
        look(watching.model_copy(update={"service": "other"}))


def test_a_redis_in_place_of_a_sentinel_is_no_observation(watching: SentinelTarget, master: Node) -> None:
    with pytest.raises(CannotObserve):
        look(watching.model_copy(update={"port": master.target.port}))


def test_a_port_at_which_nobody_listens_is_unreachable(watching: SentinelTarget) -> None:
    with pytest.raises(Unreachable):
        look(watching.model_copy(update={"port": servers.free_port()}))


def test_an_answer_that_tells_no_number_is_malformed() -> None:
    with pytest.raises(Malformed):
        sentinel._quorum("maybe")
