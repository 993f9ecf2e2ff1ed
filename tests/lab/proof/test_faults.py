"""Whoever cannot look says so: every probe of every target meets faults, and none claims to know."""

import asyncio
import socket
from dataclasses import replace

import pytest

from scaling_guide.lab.proof import faults
from scaling_guide.lab.proof.faults import LIARS, stand_ins
from scaling_guide.model.environments import Environment
from scaling_guide.model.kill_matrix import Fault
from scaling_guide.model.load import load
from scaling_guide.model.target import Target
from scaling_guide.systems.memcached.target import MemcachedTarget
from scaling_guide.verify.check import Check
from tests.numbers import own_number
from tests.verify.observations import REPO, checks, guide
from tests.world import World

LAB = guide().environments["lab"]


def impatient(environment: Environment) -> Environment:
    """The environment with a short deadline, and without the authority of a lab that is not there."""
    targets = {name: _trusting(target) for name, target in environment.targets.items()}
    made = environment.model_copy(update={"deadline": "300ms", "targets": targets})
    return made


def _trusting(target: Target) -> Target:
    if not hasattr(target, "trust"):
        return target
    other = target.model_copy(update={"trust": None})
    other._id = target.id
    return other


def run(environment: Environment, chosen: tuple[Check, ...]) -> list[Fault]:
    return asyncio.run(stand_ins(environment, chosen))


@pytest.fixture(scope="module")
def found() -> list[Fault]:
    """Every fault of a lab that is down, with one check for each probe of each target."""
    with own_number() as where:
        environment = impatient(load(REPO / "data", where.variables).environments["lab"])
        one_each = {check.needs: replace(check, environment=environment) for check in checks(environment)}
        return run(environment, tuple(one_each.values()))


def test_no_fault_is_taken_for_an_answer(found: list[Fault]) -> None:
    assert [fault for fault in found if not fault.honest] == []


def test_every_probe_of_every_target_meets_a_fault(found: list[Fault]) -> None:
    met = {(probe, fault.target) for fault in found for probe in fault.probes}
    # what is attested is a word: it meets the one fault that its target is not there, when that is killed
    asked = {check.needs for check in checks(LAB) if check.fact.probe != "attested"}
    assert met == {(str(probe), target) for probe, target in asked}


@pytest.mark.parametrize("target", [name for name in LAB.targets if name != "host"])
def test_every_server_is_replaced_by_every_liar(found: list[Fault], target: str) -> None:
    assert {fault.id for fault in found if fault.target == target} >= {"port closed", *LIARS}


def test_the_sockets_of_haproxy_lie_as_well(found: list[Fault]) -> None:
    names = {fault.id for fault in found if "haproxy_runtime" in fault.probes}
    assert names >= {"socket gone", *(f"socket {name}" for name in LIARS)}


def test_a_probe_that_claims_to_know_is_dishonest(world: World) -> None:
    chosen = tuple(check for check in checks(LAB) if check.needs == ("app", "app-1"))
    with own_number() as where:
        environment = load(REPO / "data", where.variables).environments["lab"]
        lied = run(environment, tuple(replace(check, environment=environment) for check in chosen))
    assert lied
    assert [fault.id for fault in lied if fault.honest] == []


def test_a_fault_that_hits_no_check_is_no_fault() -> None:
    assert run(LAB, ()) == []


def test_a_server_on_all_addresses_is_not_taken_for_a_stand_in() -> None:
    """One whose line of its address was left out has its port everywhere."""

    async def ports(target: MemcachedTarget) -> dict[str, int]:
        seen = {}
        for each in faults.breakages(target):
            async with each.broken(target) as instead:
                assert isinstance(instead, MemcachedTarget)
                seen[each.name] = instead.port
        return seen

    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        port = everywhere.getsockname()[1]
        seen = asyncio.run(ports(memcached().model_copy(update={"port": port})))
    assert {name for name, used in seen.items() if used != port} == {"port closed", *LIARS}


def test_nobody_listens_at_a_closed_port() -> None:
    async def refused(target: MemcachedTarget) -> bool:
        async with faults._elsewhere(target) as instead:
            assert isinstance(instead, MemcachedTarget)
            try:
                await asyncio.open_connection(instead.address, instead.port)
            except ConnectionRefusedError:
                return True
        return False

    assert asyncio.run(refused(memcached()))


def memcached() -> MemcachedTarget:
    target = LAB.targets["memcached"]
    assert isinstance(target, MemcachedTarget)
    return target
