"""How fast one server of the application answers its list, asked directly.

Fast is held against a budget by an exact rule. Of `n` answers in a row the `k`-th slowest is, with the
confidence below, an upper bound of the percentile: with 59 answers the slowest one bounds the 95th
percentile, with 93 the second slowest, which forgives one hiccup. The number is fixed beforehand, or by the
deadline: to go on until the result pleases is not the same test.
"""

import json
import subprocess
import sys
import time
from math import comb

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import AppTarget
from scaling_guide.probes.observation import Found, Malformed, Timeout, Undetermined, Unreachable, Unsupported
from scaling_guide.systems.app import stopwatch

CONFIDENCE = 0.95
REQUESTS = 93
"""Requests at most: the fewest with which one over the budget is within it, at p95."""

FEWEST = 59
"""The fewest with which anything can be said of p95: none of them over the budget."""

AT_ONCE = 4
SHARE = 0.7
"""Of the deadline, for timing; the rest is for the end of the last request."""


def probe(environment: Environment, target: AppTarget, deadline: float) -> Found:
    """Bounds of the median and the 95th percentile of good answers, and how many of the others there were.

    Only an answer with a status of 200 to 299 is a read. With fewer than FEWEST of them the bounds are
    undetermined, and so are the errors with fewer answers of which none is one. Raises Unreachable,
    Unsupported where there is no such list, Malformed where the series breaks off, and Timeout where nothing
    was answered in time.
    """
    begun = time.monotonic()
    site = environment.site
    job = stopwatch.Job(
        address=target.address,
        port=target.http,
        host=site if target.http == 80 else f"{site}:{target.http}",
        path=environment.api,
        requests=REQUESTS,
        connections=AT_ONCE,
        until=begun + deadline * SHARE,
    )
    timed = _run(target, job, begun + deadline)
    if any(status in (404, 405) for _, status in timed):
        raise Unsupported(f"{target.id}: there is no {environment.api}: name the `api` to look at")
    if not timed:
        raise Timeout(f"{target.id}: no read was answered in time")
    seconds = [spent for spent, status in timed if 200 <= status < 300]
    errors = len(timed) - len(seconds)
    few = Undetermined(f"{len(seconds)} of {len(timed)} reads were good and in time; {FEWEST} are needed")
    is_enough = len(seconds) >= FEWEST
    return "", {
        "read > requests": len(timed),
        "read > errors": errors if errors or len(timed) >= FEWEST else few,
        "read > p50": _shown(upper_bound(seconds, 0.5)) if is_enough else few,
        "read > p95": _shown(upper_bound(seconds, 0.95)) if is_enough else few,
    }


def _run(target: AppTarget, job: stopwatch.Job, ends: float) -> list[tuple[float, int]]:
    """Seconds and status of each request, timed by a process that has nothing else to do."""
    try:
        done = subprocess.run(
            (sys.executable, "-I", "-S", stopwatch.__file__),
            input=stopwatch.written(job),
            capture_output=True,
            timeout=max(0.0, ends - time.monotonic()),
        )
    except subprocess.TimeoutExpired:
        raise Timeout(f"{target.id}: the timed requests did not end before the deadline") from None
    if done.returncode == 0:
        return [(seconds, status) for seconds, status in json.loads(done.stdout)]
    said = (done.stderr.decode(errors="replace").strip().splitlines() or ["it ended without a word"])[-1]
    where = f"{target.address}:{target.http}"
    if said.startswith(("ConnectionRefusedError", "OSError")):
        raise Unreachable(f"{where}: {said.partition('] ')[2] or said}")
    if said.startswith("TimeoutError"):
        raise Timeout(f"{where}: no answer before the deadline")
    raise Malformed(f"{where}: the timed requests broke off: {said}")


def allowed_over(requests: int, percentile: float) -> int:
    """How many of `requests` may be over a budget that `percentile` of all requests is claimed to meet.

    -1 where even none says too little: 58 requests can all be lucky too often for a 95th percentile.
    """
    chance, over = 0.0, -1
    for number in range(requests + 1):
        chance += comb(requests, number) * (1 - percentile) ** number * percentile ** (requests - number)
        if chance > 1 - CONFIDENCE:
            break
        over = number
    return over


def upper_bound(seconds: list[float], percentile: float) -> float | None:
    """What `percentile` of all requests stay below, with CONFIDENCE; None where there are too few."""
    over = allowed_over(len(seconds), percentile)
    return sorted(seconds, reverse=True)[over] if over >= 0 else None


def _shown(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * 1000:.1f}ms"
