"""Orders and events: written to the primary, read from where they may be late or must be right."""

from pathlib import Path

import httpx
import pytest

from scaling_guide.lab.layout import Lab
from tests.systems.app.program.asking import Talk, ask, places


@pytest.fixture
def talk_to(live: Lab, tmp_path: Path):
    def talk_to(talk: Talk) -> None:
        ask(tmp_path, places(live), talk)

    return talk_to


def test_the_newest_orders_of_a_customer_come_first(talk_to) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        answer = (await client.get("/api/customers/7/orders")).json()
        times = [order["created_at"] for order in answer["orders"]]
        assert (answer["customer"], len(times)) == (7, 20)
        assert times == sorted(times, reverse=True)
        assert (await client.get("/api/customers/0/orders")).json() == {"customer": 0, "orders": []}

    talk_to(talk)


def test_an_order_that_was_taken_is_read_back_at_once_and_exactly(talk_to) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        taken = await client.post("/api/orders", json={"customer_id": 7, "total": "12.30"})
        assert taken.status_code == 201
        order = (await client.get(f"/api/orders/{taken.json()['id']}")).json()
        assert (order["customer_id"], order["status"], order["total"]) == (7, "open", "12.30")

    talk_to(talk)


@pytest.mark.parametrize("body", [b"", b'{"id": "load-0"}', b"no json", b"[1]"])
def test_an_order_may_leave_everything_out(talk_to, body: bytes) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        assert (await client.post("/api/orders", content=body)).status_code == 201

    talk_to(talk)


def test_an_order_that_cannot_be_is_refused(talk_to) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        bodies = ({"customer_id": 10_001}, {"customer_id": "x"}, {"total": "much"})
        answers = [await client.post("/api/orders", json=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [404, 400, 400]

    talk_to(talk)


def test_an_order_that_is_not_there_is_not_found(talk_to) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/orders/999999999")).status_code == 404
        assert (await client.get("/api/orders/99999999999999999999")).status_code == 400

    talk_to(talk)


def test_events_are_noted_one_after_the_other(talk_to) -> None:
    async def talk(client: httpx.AsyncClient) -> None:
        first = await client.post("/api/events")
        second = await client.post("/api/events", json={"kind": "sale"})
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] < second.json()["id"]

    talk_to(talk)
