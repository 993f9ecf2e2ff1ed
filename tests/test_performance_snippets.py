"""The Python on the performance pages runs, and does what its page says of it."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

PAGES = Path(__file__).parents[1] / "docs" / "performance"


def snippet(page: str, defines: str) -> dict[str, Any]:
    """The names of the one Python block of a page that contains `defines`, carried out."""
    blocks = re.findall(r"^```python\n(.*?)^```", (PAGES / f"{page}.md").read_text("utf-8"), re.M | re.S)
    (block,) = [each for each in blocks if defines in each]
    names: dict[str, Any] = {}
    exec(compile(block, page, "exec"), names)
    return names


class Server:
    """Answers with a status that fails so many times, and counts the calls."""

    def __init__(self, failures: int, status: int = 503, **headers: str) -> None:
        self.failures, self.status, self.headers, self.calls = failures, status, headers, 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.calls <= self.failures:
            return httpx.Response(self.status, headers=self.headers)
        return httpx.Response(200)

    def ask(self, get: Callable[..., Any], seconds: float = 5.0) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as client:
                answer: httpx.Response = await get(client, "http://server/", seconds)
                return answer

        return asyncio.run(asked())


@pytest.mark.parametrize(
    ("failures", "status", "calls", "answered"),
    [(0, 503, 1, 200), (2, 503, 3, 200), (9, 503, 3, 503), (1, 404, 1, 404)],
)
def test_a_retry_is_made_for_what_may_pass_and_twice_at_most(
    failures: int, status: int, calls: int, answered: int
) -> None:
    server = Server(failures, status)
    assert server.ask(snippet("api-response-time", "class RetryBudget")["get"]).status_code == answered
    assert server.calls == calls


def test_a_retry_waits_as_long_as_the_server_says() -> None:
    server, begun = Server(1, 429, **{"retry-after": "1"}), time.monotonic()
    assert server.ask(snippet("api-response-time", "class RetryBudget")["get"]).status_code == 200
    assert time.monotonic() - begun >= 1


def test_a_retry_that_would_end_after_the_deadline_is_not_made() -> None:
    server = Server(1, 429, **{"retry-after": "30"})
    assert server.ask(snippet("api-response-time", "class RetryBudget")["get"]).status_code == 429
    assert server.calls == 1


def test_retries_of_a_server_that_always_fails_add_a_tenth() -> None:
    names = snippet("api-response-time", "class RetryBudget")
    names["BUDGET"].credit = 0.0
    names["random"] = type("Zero", (), {"uniform": staticmethod(lambda low, high: 0.0)})
    server = Server(1000)
    for _ in range(100):
        server.ask(names["get"])
    assert server.calls <= 110


def test_a_breaker_opens_after_failures_and_closes_after_a_trial() -> None:
    names = snippet("api-response-time", "class Breaker")
    breaker = names["Breaker"](failures=3, pause=0.1)
    calls = 0

    async def fails() -> None:
        nonlocal calls
        calls += 1
        raise ValueError

    async def works() -> str:
        return "answer"

    async def used() -> tuple[int, str, str]:
        kept_out = 0
        for _ in range(10):
            try:
                await breaker.call(fails)
            except names["Open"]:
                kept_out += 1
            except ValueError:
                pass
        await asyncio.sleep(0.15)
        return kept_out, await breaker.call(works), await breaker.call(works)

    assert asyncio.run(used()) == (7, "answer", "answer")
    assert calls == 3


def test_a_blocked_event_loop_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    report_lag = snippet("api-response-time", "async def report_lag")["report_lag"]

    async def blocked() -> None:
        reporter = asyncio.create_task(report_lag(0.05, 0.1))
        await asyncio.sleep(0.02)
        time.sleep(0.4)
        await asyncio.sleep(0.1)
        reporter.cancel()

    asyncio.run(blocked())
    assert "event loop lag 0." in capsys.readouterr().out


def test_two_snapshots_show_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    names = snippet("memory", "tracemalloc")
    names["tracemalloc"].stop()
    assert "count=100" in capsys.readouterr().out
