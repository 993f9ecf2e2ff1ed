"""Load leaves on schedule whatever the answers do, and every outcome is counted."""

import asyncio
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.lab.client import Site
from scaling_guide.lab.load import Load, Report, Running, percentiles, run
from tests.lab.liars import GOOD, Answer, each, free_address, request, serving

pytestmark = pytest.mark.quiet

BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
STALL = 0.3


def loaded(answer: Answer, stopped: bool = True, **changes: Any) -> Report:
    """The report of a short load on a server that answers so."""

    async def load() -> Report:
        stop = asyncio.Event()
        if stopped:
            stop.set()
        async with serving(answer) as site:
            return await run(a_load(site, **changes), stop)

    return asyncio.run(load())


def a_load(site: Site, **changes: Any) -> Load:
    lasting = {"seconds": 0.3, "seconds_at_most": 0.6, "lead": 0.1}
    return Load(site, **{"per_second": 100, "timeout": 0.2, "path": "/", **lasting, **changes})


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def some_busy(first: int, last: int) -> Answer:
    """503 for the requests with these numbers, counted over all connections."""
    numbers = count()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            writer.write(BUSY if first <= next(numbers) <= last else GOOD)

    return handle


def test_requests_leave_on_schedule_although_nothing_answers() -> None:
    report = loaded(silence)
    assert (report.sent, report.ok, report.lost) == (30, 0, {"timeout": 30})
    assert report.late == 0


def test_every_outcome_is_counted() -> None:
    report = loaded(some_busy(10, 14))
    assert (report.sent, report.ok, report.lost) == (30, 25, {"http 503": 5})


def test_the_window_spans_the_requests_that_were_lost() -> None:
    assert loaded(some_busy(10, 14)).window == (pytest.approx(0.1, abs=0.02), pytest.approx(0.14, abs=0.02))


def test_without_a_loss_there_is_no_window() -> None:
    assert loaded(each(GOOD)).window is None


def test_a_request_that_waits_behind_a_stalled_server_counts_its_wait() -> None:
    """A client that waited for each answer before the next request would see one slow request."""
    numbers, free = count(), asyncio.Lock()

    async def stall_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            async with free:
                await asyncio.sleep(STALL if next(numbers) == 0 else 0)
            writer.write(GOOD)

    report = loaded(stall_once, seconds=0.6, seconds_at_most=0.6, timeout=2.0)
    assert report.lost == {}
    assert report.latencies["max"] >= STALL * 1000
    assert report.latencies["p95"] >= STALL * 1000 / 2


def test_requests_that_a_busy_client_sends_late_are_counted() -> None:
    numbers = count()

    async def block_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request(reader)
            if next(numbers) == 5:
                # in the client's own loop
                time.sleep(0.15)
            writer.write(GOOD)

    assert 5 <= loaded(block_once).late <= 20


def test_load_goes_on_until_it_is_told_to_stop_but_not_for_ever() -> None:
    assert loaded(each(GOOD), stopped=True).sent == 30
    assert loaded(each(GOOD), stopped=False).sent == 60


def test_told_to_stop_it_goes_on_as_long_as_its_lead() -> None:
    async def load() -> Report:
        stop = asyncio.Event()
        async with serving(each(GOOD)) as site:
            asyncio.get_running_loop().call_later(0.3, stop.set)
            return await run(a_load(site, seconds=0.2, seconds_at_most=2.0, lead=0.1), stop)

    assert 39 <= asyncio.run(load()).sent <= 43


def test_it_is_established_after_its_lead() -> None:
    calls = []

    async def load() -> None:
        began = time.monotonic()
        async with serving(each(GOOD)) as site:
            await run(a_load(site, lead=0.1), asyncio.Event(), lambda: calls.append(time.monotonic() - began))

    asyncio.run(load())
    assert calls == [pytest.approx(0.1, abs=0.05)]


def test_each_request_can_ask_for_another_thing() -> None:
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked.append(await request(reader))
            writer.write(GOOD)

    loaded(handle, path="/visits/{n}")
    paths = {head.split()[1] for head in asked}
    assert paths == {f"/visits/{number}".encode() for number in range(1, len(asked) + 1)}


def test_each_order_has_an_id_of_its_own() -> None:
    report = loaded(each(BUSY), method="POST", orders="run-1")
    assert [loss.order for loss in report.losses] == [f"run-1-{number}" for number in range(30)]


def test_a_load_without_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        a_load(Site("127.0.0.1", 80, "app.test"), per_second=1000, seconds_at_most=3600)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([7.0], {"p50": 7.0, "p95": 7.0, "p99": 7.0, "max": 7.0}),
        (list(range(1, 101)), {"p50": 50, "p95": 95, "p99": 99, "max": 100}),
    ],
)
def test_a_percentile_is_a_value_that_occurred(values: list[float], expected: dict[str, float]) -> None:
    assert percentiles(values) == expected


def test_a_process_of_its_own_brings_back_the_same_report() -> None:
    site = Site(*free_address(), "app.test")

    async def load() -> Report:
        async with Running(a_load(site, method="POST", orders="away", lead=0.1)) as running:
            await running.established()
            return await running.finish()

    report = asyncio.run(load())
    assert (report.sent, report.lost) == (30, {"refused": 30})
    assert report.losses[29].order == "away-29"
    assert report.began <= time.monotonic()


def test_a_load_that_cannot_start_is_an_error_and_not_an_empty_report() -> None:
    site = Site(*free_address(), "app.test", trust=Path("/nonexistent.pem"))

    async def load() -> None:
        async with Running(a_load(site)) as running:
            await running.established()

    with pytest.raises(ChildProcessError, match="ended at once"):
        asyncio.run(load())


def test_a_load_that_nobody_wants_any_more_ends_at_once() -> None:
    site = Site(*free_address(), "app.test")

    async def load() -> None:
        async with Running(a_load(site, seconds=60, seconds_at_most=60, lead=0.1)) as running:
            await running.established()
            raise InterruptedError

    began = time.monotonic()
    with pytest.raises(InterruptedError):
        asyncio.run(load())
    assert time.monotonic() - began < 5
