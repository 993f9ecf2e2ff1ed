"""A bench puts files in force, and whatever comes of that, the documented ones are back afterwards."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import LabError
from scaling_guide.lab.proof.bench import Bench, DidNotLand, whole
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.model.outcome import Outcome
from tests.lab.proof.conftest import Still

DOCUMENTED, OTHER = {"haproxy.cfg": "documented"}, {"haproxy.cfg": "other"}

Effects = Callable[..., Bench]


@pytest.fixture
def bench(still: Still, monkeypatch: pytest.MonkeyPatch) -> Effects:
    """A bench whose target does one thing after the other when it is to read its files."""

    def made(*effects: BaseException | None, state: str = "ready") -> Bench:
        server = still("haproxy")
        server.pristine = server.current = DOCUMENTED
        coming = iter(effects)

        async def take_effect(self: Bench) -> None:
            if error := next(coming, None):
                raise error

        status = SimpleNamespace(servers={"haproxy": SimpleNamespace(state=state)})
        monkeypatch.setattr(Bench, "take_effect", take_effect)
        monkeypatch.setattr(lifecycle, "status", lambda number: status)
        return server

    return made


def on_disk(bench: Bench) -> dict[str, str]:
    return {"haproxy.cfg": (bench.directory / "haproxy.cfg").read_text()}


@pytest.mark.parametrize("error", [TimeoutError("no answer"), ReloadRefused("bad"), LabError("ended")])
def test_a_target_that_refuses_runs_as_documented_again(bench: Effects, error: Exception) -> None:
    refusing = bench(error)
    with pytest.raises(DidNotLand):
        asyncio.run(refusing.put(OTHER))
    assert refusing.current == on_disk(refusing) == DOCUMENTED


def test_a_target_that_was_otherwise_is_as_documented_after_it_refused(bench: Effects) -> None:
    refusing = bench(None, TimeoutError("no answer"))
    asyncio.run(refusing.put(OTHER))
    with pytest.raises(DidNotLand, match="no answer"):
        asyncio.run(refusing.put({"haproxy.cfg": "worse"}))
    assert refusing.current == on_disk(refusing) == DOCUMENTED


def test_one_that_is_interrupted_is_mended_first(bench: Effects) -> None:
    interrupted = bench(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted.put(OTHER))
    assert interrupted.current == on_disk(interrupted) == DOCUMENTED


def test_one_that_is_not_ready_is_started_again(bench: Effects, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[str] = []
    monkeypatch.setattr(lifecycle, "command", lambda operation, *rest: ordered.append(operation))
    with pytest.raises(DidNotLand):
        asyncio.run(bench(LabError("ended"), state="crashed").put(OTHER))
    assert ordered == ["stop", "start"]


def tried(bench: Bench) -> tuple[Exception | None, dict[str, str]]:
    """Why the other files are not in force, and what is on disk meanwhile."""

    async def trying() -> tuple[Exception | None, dict[str, str]]:
        async with bench.tried(OTHER, 0.5) as failure:
            return failure, on_disk(bench)

    return asyncio.run(trying())


def test_what_is_tried_stays_as_long_as_it_is_looked_at_and_is_gone_when_it_failed(bench: Effects) -> None:
    error = TimeoutError("no link")
    failing = bench(error)
    assert tried(failing) == (error, OTHER)
    assert failing.current == on_disk(failing) == DOCUMENTED
    assert failing.patience is None


def test_what_was_tried_and_runs_is_left_to_the_next(bench: Effects) -> None:
    running = bench()
    assert tried(running) == (None, OTHER)
    assert running.current == OTHER


def test_a_start_is_given_no_more_time_than_there_is(bench: Effects, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(lifecycle, "command", lambda *words: asked.append(words))
    hurried = bench()
    hurried.patience = 2.5
    asyncio.run(hurried.order("start"))
    asyncio.run(hurried.order("kill", "app-1"))
    assert asked == [("start", "haproxy", 42, 2.5), ("kill", "app-1", 42, None)]


def test_an_order_that_was_given_is_carried_out_before_anything_else(
    bench: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def interrupted() -> None:
        loop = asyncio.get_running_loop()
        begun, go_on = asyncio.Event(), asyncio.Event()

        def slow(*words: Any) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(5)
            done.append("killed")

        monkeypatch.setattr(lifecycle, "command", slow)
        ordering = asyncio.create_task(bench().order("kill"))
        await begun.wait()
        ordering.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await ordering
        done.append("cancelled")

    asyncio.run(interrupted())
    assert done == ["killed", "cancelled"]


def test_what_is_read_at_the_start_alone_takes_a_restart(still: Still) -> None:
    bench = still("redis-cache")
    lines = bench.pristine["redis.conf"].splitlines()

    def without(name: str) -> dict[str, str]:
        kept = "\n".join(line for line in lines if not line.startswith(name))
        return {**bench.pristine, "redis.conf": kept}

    assert bench.restarts(without("io-threads"))
    assert not bench.restarts(without("maxmemory"))
    assert not bench.restarts(bench.pristine)


def test_a_step_is_carried_to_its_end_when_it_is_cancelled() -> None:
    done = []

    async def step() -> None:
        await asyncio.sleep(0.02)
        done.append("mended")

    async def cancelled() -> None:
        task = asyncio.create_task(whole(step()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert done == ["mended"]


def test_the_outcome_of_a_step_is_handed_on() -> None:
    async def step() -> Outcome:
        return Outcome.PASS

    assert asyncio.run(whole(step())) is Outcome.PASS
