"""Ask every target that a selection of checks needs, all at the same time."""

import queue
import re
import threading
import time
from collections.abc import Iterable

from scaling_guide.model.environments import Environment
from scaling_guide.model.units import Unit, meaning
from scaling_guide.probes.observation import CannotObserve, Failure, Malformed, Need, Observation, Result, now
from scaling_guide.probes.probe import probe

# a probe ends itself at the deadline and then knows best what it was waiting for
GRACE_SECONDS = 0.5

TIMED_FROM = 0.4
"""The share of the deadline after which the timed looks wait for the others no longer."""


def observe(
    environment: Environment, wanted: Iterable[Need], deadline: float | None = None
) -> dict[Need, Result]:
    """One look at each source of each target that is wanted, all at the same time, and the timed ones then.

    `deadline` is in seconds, the environment's own where it is None, and holds also for a probe that hangs.
    Nothing is raised for what the environment does: each need has an Observation, or a Failure that says why
    there is none.
    """
    needs = list(dict.fromkeys(wanted))
    seconds = meaning(environment.deadline, Unit.DURATION) / 1000 if deadline is None else deadline
    began, started = now(), time.monotonic()
    arrived: queue.SimpleQueue[tuple[Need, Result]] = queue.SimpleQueue()

    quiet = threading.Event()

    def look(need: Need) -> None:
        left = seconds
        if _is_timed(environment, need):
            quiet.wait(seconds * TIMED_FROM)
            left = started + seconds - time.monotonic()
        arrived.put((need, _look(environment, need, left)))

    for need in needs:
        threading.Thread(target=look, args=(need,), name=" ".join(need), daemon=True).start()
    results: dict[Need, Result] = {}
    while len(results) < len(needs):
        if all(need in results for need in needs if not _is_timed(environment, need)):
            quiet.set()
        left = started + seconds + GRACE_SECONDS - time.monotonic()
        try:
            need, result = arrived.get(timeout=max(0.0, left))
        except queue.Empty:
            break
        results[need] = result
    passed = round(time.monotonic() - started, 4)
    for name, target in needs:
        message = f"the probe did not end within {seconds:g} s"
        results.setdefault((name, target), Failure(name, target, "timeout", message, began, passed))
    return {need: results[need] for need in needs}


def _look(environment: Environment, need: Need, deadline: float) -> Result:
    name, target = need
    began, started = now(), time.monotonic()

    def failure(outcome: str, message: str) -> Failure:
        return Failure(name, target, outcome, _without_secrets(message), began, _since(started))

    try:
        if target not in environment.targets:
            raise LookupError(f"there is no target {target} in {environment.name}")
        asked = environment.targets[target]
        version, values = probe(name, asked.system).look(environment, asked, deadline)
        if not values:
            raise Malformed("the probe saw nothing at all")
        return Observation(name, target, version, began, _since(started), dict(values))
    except CannotObserve as reason:
        return failure(reason.outcome, str(reason))
    except BaseException as error:  # also SystemExit: the look must not end without a word
        return failure("error", f"{type(error).__name__}: {error}")


def _is_timed(environment: Environment, need: Need) -> bool:
    name, target = need
    return target in environment.targets and probe(name, environment.targets[target].system).timed


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)


def _without_secrets(message: str) -> str:
    """`message` without the password that a URI in it may hold."""
    return re.sub(r"(://[^/@\s:]*):[^/@\s]*@", r"\1:***@", message)
