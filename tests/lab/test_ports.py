import os
import socket
from collections.abc import Iterator

import pytest

from scaling_guide.lab.ports import Bind, holders, listened, strangers, taken
from tests import numbers

HOST = f"{numbers.own().net}.61"


@pytest.fixture
def free() -> Bind:
    """An address that nobody listens on."""
    return Bind(HOST, numbers.free_port(HOST))


@pytest.fixture(params=["", "0.0.0.0", "::"], ids=["exact", "any IPv4", "any IPv6"])
def held(request: pytest.FixtureRequest) -> Iterator[Bind]:
    """An address that this process listens on, alone or with all others."""
    family = socket.AF_INET6 if request.param == "::" else socket.AF_INET
    with socket.create_server(
        (request.param or HOST, 0), family=family, dualstack_ipv6=family == socket.AF_INET6
    ) as listening:
        yield Bind(HOST, listening.getsockname()[1])


def test_a_free_address_is_not_taken(free: Bind) -> None:
    assert taken(free) is None
    assert holders(free) == frozenset()


def test_a_taken_address_names_its_holder(held: Bind) -> None:
    reason = taken(held)
    assert reason is not None
    assert str(held) in reason
    assert f"pid {os.getpid()}" in reason
    assert "python" in reason


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    assert (
        taken(Bind("192.0.2.1", 80)) == "192.0.2.1:80 cannot be listened on: Cannot assign requested address"
    )


def test_a_process_is_seen_to_listen(free: Bind) -> None:
    with socket.create_server(free):
        assert free in listened([os.getpid()])
    assert free not in listened([os.getpid()])


def test_a_process_that_is_gone_listens_nowhere() -> None:
    assert listened([2**22 - 1]) == frozenset()


def test_the_own_group_is_no_stranger(held: Bind) -> None:
    assert strangers(held, os.getpgid(0)) is None


def test_another_group_is_a_stranger(held: Bind) -> None:
    described = strangers(held, 1)
    assert described is not None
    assert f"pid {os.getpid()}" in described
