import asyncio
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from starlette.applications import Starlette

from scaling_guide.systems.app.program import database
from scaling_guide.systems.app.program.instance import Instance
from scaling_guide.systems.app.program.service import application
from scaling_guide.systems.app.program.settings import Limits, Options


def make(
    tmp_path: Path,
    name: str = "app-1",
    startup_seconds: float = 0,
    databases: database.Places | None = None,
    **limits: object,
) -> Instance:
    key = tmp_path / "key"
    if not key.exists():
        key.write_bytes(Fernet.generate_key())
    defaults = {"keep_alive": 75.0, "drain": 0.2, "shutdown": 5.0, "request_timeout": 0.1}
    return Instance(
        Options(
            host="127.77.0.31",
            port=8000,
            instance=name,
            version="1.0",
            startup_seconds=startup_seconds,
            session_key=key,
            ledger=tmp_path / "ledger",
            limits=Limits(**(defaults | limits)),
            databases=databases or database.Places(),
        )
    )


class InProcess(httpx.BaseTransport):
    """Sends requests to an ASGI application without a network."""

    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app, client=("192.0.2.9", 50000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        body = httpx.ByteStream(await answer.aread())
        return httpx.Response(answer.status_code, headers=answer.headers, stream=body)


def client_of(instance: Instance) -> httpx.Client:
    return httpx.Client(transport=InProcess(application(instance)), base_url="https://app.lab.test")


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return make(tmp_path)


@pytest.fixture
def client(instance: Instance) -> httpx.Client:
    return client_of(instance)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_a_healthy_instance_says_so_and_forbids_to_store_it(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/fail?status=503", "/cacheable", "/slow?seconds=1"])
def test_every_answer_names_instance_and_version(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert (headers["x-instance"], headers["x-version"]) == ("app-1", "1.0")


def test_an_instance_that_drains_is_alive_but_not_ready_and_asks_clients_to_leave(
    client: httpx.Client, instance: Instance
) -> None:
    assert "connection" not in client.get("/work?ms=0").headers
    instance.draining = True
    assert [client.get(path).status_code for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 200]
    assert client.get("/readyz").headers["cache-control"] == "no-store"
    work = client.get("/work?ms=0")
    assert (work.status_code, work.headers["connection"]) == (200, "close")


def test_an_instance_that_still_starts_is_alive_but_not_ready(tmp_path: Path) -> None:
    client = client_of(make(tmp_path, startup_seconds=60))
    assert [client.get(path).status_code for path in ("/livez", "/readyz", "/startupz")] == [200, 503, 503]


def test_faults_of_health_answers_can_be_set(tmp_path: Path) -> None:
    client = client_of(make(tmp_path, liveness_status=500, health_cache_control="max-age=60"))
    assert client.get("/livez").status_code == 500
    assert client.get("/readyz").headers["cache-control"] == "max-age=60"


def test_the_limits_in_force_are_told(client: httpx.Client) -> None:
    assert client.get("/about").json() == {
        "instance": "app-1",
        "version": "1.0",
        "keep_alive": "75s",
        "drain": "0.2s",
        "shutdown": "5s",
        "request_timeout": "0.1s",
        "cache_ttl": "3600s",
        "cache_jitter": "10%",
        "cache_lock": "5s",
        "cache_timeout": "100ms",
        "page_default": 20,
        "page_most": 100,
        "pool_size": 5,
        "pool_timeout": "3s",
        "pool_lifetime": "1800s",
        "connect_timeout": "2s",
        "database_timeout": "19s",
    }


def test_what_proxies_added_is_shown_as_it_came(client: httpx.Client) -> None:
    seen = client.get("/whoami", headers={"X-Forwarded-For": "192.0.2.7", "Accept": "*/*"}).json()
    assert (seen["instance"], seen["client"]) == ("app-1", "192.0.2.9")
    assert seen["headers"]["x-forwarded-for"] == "192.0.2.7"
    assert seen["headers"]["host"] == "app.lab.test"
    assert "accept" not in seen["headers"]


def test_work_takes_the_time_asked_for(client: httpx.Client) -> None:
    assert client.get("/work?ms=30").elapsed.total_seconds() >= 0.03
    assert client.get("/work?ms=30").json()["ms"] == 30


def test_a_request_over_the_time_limit_is_given_up(client: httpx.Client) -> None:
    answer = client.get("/slow?seconds=5")
    assert answer.status_code == 503
    assert "gave up" in answer.text
    assert answer.elapsed.total_seconds() < 1


@pytest.mark.parametrize(("asked", "answered"), [("404", 404), ("200", 400), ("nonsense", 500)])
def test_a_failure_has_the_status_asked_for_and_is_a_failure(
    client: httpx.Client, asked: str, answered: int
) -> None:
    assert client.get(f"/fail?status={asked}").status_code == answered


def test_what_may_be_cached_says_for_how_long_and_counts(client: httpx.Client) -> None:
    answers = [client.get("/cacheable?s=7") for _ in range(2)]
    assert [answer.json()["served"] for answer in answers] == [1, 2]
    assert answers[0].headers["cache-control"] == "public, max-age=0, s-maxage=7"
    again = client.get("/cacheable", headers={"If-None-Match": answers[0].headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_big_answer_is_json_of_about_the_size_asked_for(client: httpx.Client) -> None:
    answer = client.get("/big?bytes=50000")
    assert 49_000 < len(answer.content) <= 50_010
    assert len(answer.json()) > 100


def test_a_session_goes_on_at_another_instance(tmp_path: Path) -> None:
    first, second = client_of(make(tmp_path)), client_of(make(tmp_path, "app-2"))
    assert first.get("/session").json() == {"instance": "app-1", "visits": 1}
    second.cookies = first.cookies
    assert second.get("/session").json() == {"instance": "app-2", "visits": 2}


def test_a_session_that_was_tampered_with_starts_anew(client: httpx.Client) -> None:
    cookie = client.get("/session").headers["set-cookie"]
    assert {"Secure", "HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
    client.cookies = httpx.Cookies({"session": "forged"})
    assert client.get("/session").json()["visits"] == 1


def test_an_order_that_comes_twice_is_seen_to_be_executed_twice(tmp_path: Path) -> None:
    first, second = client_of(make(tmp_path)), client_of(make(tmp_path, "app-2"))
    assert first.post("/orders", json={"id": 7}).status_code == 201
    assert second.post("/orders", headers={"Idempotency-Key": "7"}).status_code == 201
    assert first.post("/orders", json={"id": 8}).status_code == 201
    assert second.get("/orders/7").json()["executed_by"] == ["app-1", "app-2"]
    assert first.get("/orders").json() == {
        "instance": "app-1",
        "orders": 2,
        "executions": 3,
        "repeated": {"7": 2},
    }


def test_an_order_is_executed_even_when_its_answer_is_lost(client: httpx.Client) -> None:
    assert client.post("/orders?ms=5000", headers={"Idempotency-Key": "slow"}).status_code == 503
    assert client.get("/orders/slow").json()["executions"] == 1


def test_an_order_without_a_name_is_refused(client: httpx.Client) -> None:
    assert client.post("/orders", content="nonsense").status_code == 400
    assert client.get("/orders/unknown").status_code == 404


def test_requests_are_counted_by_route(client: httpx.Client, instance: Instance) -> None:
    client.get("/orders/1")
    client.get("/orders/2")
    client.get("/elsewhere/1")
    instance.draining = True
    text = client.get("/metrics").text
    assert 'http_requests_total{path="/orders/{order}",status="404"} 2.0' in text
    assert 'http_requests_total{path="unknown",status="404"} 1.0' in text
    assert "app_draining 1.0" in text
    assert "http_requests_in_flight 1.0" in text
