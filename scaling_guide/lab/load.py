"""Load that leaves on schedule, whatever becomes of the answers, and the count of every outcome.

`python -m scaling_guide.lab.load` is a process of its own, so that nothing else that a rehearsal does can
make its requests late. `Running` starts one and fetches the report.
"""

import asyncio
import json
import math
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import uvloop

from scaling_guide.lab.client import OK, Client, Method, Site

MOST_REQUESTS = 100_000
LATE_SECONDS = 0.02
PATHS = 100
# for the interpreter to start, and for the last answers to come in
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Load:
    """What to send: one request each `1 / per_second` seconds.

    The load counts as established after `lead` seconds. Told to stop, it goes on for as long once more, so
    that what the last act did is seen; it lasts at least `seconds`, at most `seconds_at_most`. `timeout`
    bounds each request, in seconds. `{n}` in the path is a number from 1 to 100, another for each request.
    POSTs carry the ids `<orders>-0`, ... Raises ValueError for a load that is too much.
    """

    site: Site
    per_second: int
    seconds: float
    seconds_at_most: float
    method: Method = "GET"
    path: str = "/work?ms=20"
    lead: float = 0.5
    timeout: float = 5.0
    orders: str = "order"

    def __post_init__(self) -> None:
        if self.per_second * self.seconds_at_most > MOST_REQUESTS:
            raise ValueError(f"a load sends at most {MOST_REQUESTS} requests")


@dataclass(frozen=True)
class Loss:
    """A request that was not answered well: when it was due, in seconds from the start, and what it met."""

    at: float
    kind: str
    order: str


@dataclass(frozen=True)
class Report:
    """What became of a load.

    `began` is the reading of the monotonic clock, which all processes share, when the first request was due.
    `latencies` of requests answered well, in milliseconds, from the moment when each was due. `late` counts
    requests that left more than 20 ms after that: with many, the client was the bottleneck, not the server.
    """

    began: float
    seconds: float
    sent: int
    ok: int
    late: int
    connections: int
    losses: tuple[Loss, ...]
    latencies: Mapping[str, float]

    @property
    def lost(self) -> dict[str, int]:
        """How many requests were lost in each way, the most frequent first."""
        return dict(Counter(loss.kind for loss in self.losses).most_common())

    @property
    def window(self) -> tuple[float, float] | None:
        """When the first and the last lost request were due, in seconds from the start; None without loss."""
        return (self.losses[0].at, self.losses[-1].at) if self.losses else None


@dataclass
class _Count:
    due: list[float] = field(default_factory=list)
    outcomes: dict[int, str] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    late: int = 0


def nobody_waits() -> None:
    """For a load that nobody waits for to be established."""


async def run(load: Load, stop: asyncio.Event, established: Callable[[], None] = nobody_waits) -> Report:
    """Send the load, until after `stop` is set, and wait for the last answer.

    Calls `established` when the load has lasted for its lead.
    """
    client, count, began = Client(load.site, load.timeout), _Count(), time.monotonic()
    under_way: set[asyncio.Task[None]] = set()
    lead, least, most = (
        round(load.per_second * seconds) for seconds in (load.lead, load.seconds, load.seconds_at_most)
    )
    stopped: int | None = None
    for number in range(most):
        due = began + number / load.per_second
        await asyncio.sleep(max(0, due - time.monotonic()))
        if number == lead:
            established()
        if stop.is_set() and stopped is None:
            stopped = number
        if stopped is not None and number >= max(least, stopped + lead):
            break
        task = asyncio.create_task(_send(client, load, number, due, count))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        count.due.append(due - began)
    seconds = time.monotonic() - began
    await asyncio.gather(*under_way)
    client.close()
    return _report(load, count, began, seconds, client.opened)


async def _send(client: Client, load: Load, number: int, due: float, count: _Count) -> None:
    count.late += time.monotonic() - due > LATE_SECONDS
    path = load.path.replace("{n}", str(number % PATHS + 1))
    outcome = await client.send(load.method, path, _order(load, number))
    count.outcomes[number] = outcome
    if outcome == OK:
        count.took.append((time.monotonic() - due) * 1000)


def _order(load: Load, number: int) -> str:
    return f"{load.orders}-{number}"


def _report(load: Load, count: _Count, began: float, seconds: float, connections: int) -> Report:
    losses = tuple(
        Loss(round(due, 3), count.outcomes[number], _order(load, number))
        for number, due in enumerate(count.due)
        if count.outcomes[number] != OK
    )
    return Report(
        began=began,
        seconds=round(seconds, 3),
        sent=len(count.due),
        ok=len(count.took),
        late=count.late,
        connections=connections,
        losses=losses,
        latencies=percentiles(count.took),
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The smallest values that 50, 95, 99 and 100 % of all do not exceed; empty where there are none."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[math.ceil(share * len(ordered)) - 1], 1)
        for name, share in shares.items()
        if ordered
    }


# ------------------------------------------------------------------------------------- in its own process


class Running:
    """A load in a process of its own. Leaving the context kills it where it still runs."""

    def __init__(self, load: Load) -> None:
        self._load = load

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, json.dumps(asdict(self._load), default=str)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for the rehearsal, which still has to put everything back
            start_new_session=True,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()

    async def established(self) -> None:
        """Return once the load has lasted for its lead. Raises ChildProcessError when it ended instead."""
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise ChildProcessError(f"the load ended at once, exit code {await self._process.wait()}")

    async def finish(self) -> Report:
        """Tell the load to stop as soon as it may, and return what became of it.

        Raises ChildProcessError when it failed, TimeoutError when it does not end.
        """
        async with asyncio.timeout(self._load.seconds_at_most + self._load.timeout + GRACE_SECONDS):
            # an empty input closes the pipe, which is the order to stop
            written, _ = await self._process.communicate(b"")
        if self._process.returncode:
            raise ChildProcessError(f"the load failed, exit code {self._process.returncode}")
        report = json.loads(written)
        return Report(**{**report, "losses": tuple(Loss(**loss) for loss in report["losses"])})


async def _main(load: Load) -> None:
    stop = asyncio.Event()
    # the end of standard input is the order to stop, and comes by itself when the parent dies
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    report = await run(load, stop, lambda: print("established", flush=True))
    print(json.dumps(asdict(report)))


def _load(written: Mapping[str, Any]) -> Load:
    site = written["site"]
    trust = Path(site["trust"]) if site["trust"] else None
    return Load(**{**written, "site": Site(**{**site, "trust": trust})})


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_main(_load(json.loads(sys.argv[1]))))
