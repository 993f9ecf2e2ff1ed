"""Ask every target that a selection of checks needs, many at the same time."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scaling_guide.model.environments import Environment
from scaling_guide.model.units import Unit, meaning
from scaling_guide.probes import own_limits, ssh, transport
from scaling_guide.probes.observation import (
    CannotObserve,
    Failure,
    Malformed,
    Need,
    Observation,
    Result,
    Timeout,
    now,
)
from scaling_guide.probes.probe import Over, probe
from scaling_guide.probes.secrets import masked

# a probe ends itself at the deadline and then knows best what it was waiting for
GRACE_SECONDS = 0.5

TIMED_FROM = 0.4
"""The share of the deadline after which the timed looks wait for the others no longer."""

LOOKS = 32
"""How many targets are asked at the same time at most: each takes a thread, and often a process."""


def observe(
    environment: Environment, wanted: Iterable[Need], deadline: float | None = None
) -> dict[Need, Result]:
    """One look at each source of each target that is wanted, many at the same time, the timed ones last.

    `deadline` is in seconds, the environment's own if it is None. It counts from the start of each look, and
    holds also for a probe that hangs. A connection that several looks share is opened before the first of
    them; if that fails, all of them fail for this reason. Nothing is raised for what the environment does:
    each need has an Observation, or a Failure that says why there is none.
    """
    needs = list(dict.fromkeys(wanted))
    seconds = meaning(environment.deadline, Unit.DURATION) / 1000 if deadline is None else deadline
    lacking = own_limits.lack(min(len(needs), LOOKS))
    if lacking is not None:
        return {need: Failure(*need, Malformed.outcome, lacking, now(), 0.0) for need in needs}
    results = _Run(environment, needs, seconds).results()
    return {need: results[need] for need in needs}


@dataclass(frozen=True)
class _Begun:
    """When something began, for people and for the monotonic clock."""

    at: str = field(default_factory=now)
    started: float = field(default_factory=time.monotonic)


class _Run:
    """What is still to be asked, what is being asked, and what came of it.

    All of it belongs to the thread that made it. The others leave what is to be done next in a queue.
    """

    def __init__(self, environment: Environment, needs: Iterable[Need], seconds: float) -> None:
        self._environment, self._seconds = environment, seconds
        self._timed = {need: _is_timed(environment, need) for need in needs}
        self._hosts = {need: _shared_host(environment, need) for need in needs}
        self._waiting = dict.fromkeys(sorted(needs, key=lambda need: self._timed[need]))
        self._running: dict[Need, _Begun] = {}
        self._unopened = dict.fromkeys(host for host in self._hosts.values() if host is not None)
        self._opening: dict[str, _Begun] = {}
        self._results: dict[Need, Result] = {}
        self._next: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._last_began = time.monotonic()

    def results(self) -> dict[Need, Result]:
        """Ask until each need has a result."""
        while self._waiting or self._running:
            self._open_connections()
            self._begin_looks()
            if not (self._running or self._opening):
                continue  # no thread could be started
            try:
                self._next.get(timeout=self._patience())()
            except queue.Empty:
                self._give_up_overdue()
        return self._results

    def _open_connections(self) -> None:
        for host in list(self._unopened)[: ssh.HANDSHAKES - len(self._opening)]:
            del self._unopened[host]
            self._opening[host] = _Begun()
            threading.Thread(target=self._open, args=(host,), name=f"open {host}", daemon=True).start()

    def _begin_looks(self) -> None:
        at_host = Counter(self._hosts[need] for need in self._running)
        for need in list(self._waiting):
            if len(self._running) >= LOOKS or (self._timed[need] and not self._may_time()):
                return
            host = self._hosts[need]
            if host is not None:
                if host in self._unopened or host in self._opening or at_host[host] >= ssh.SESSIONS:
                    continue
                at_host[host] += 1
            del self._waiting[need]
            begun = self._running[need] = _Begun()
            self._last_began = begun.started
            try:
                threading.Thread(target=self._ask, args=(need,), name=" ".join(need), daemon=True).start()
            except (RuntimeError, MemoryError) as error:
                del self._running[need]
                self._fail(need, begun, Malformed.outcome, own_limits.cause(error) or str(error))

    def _may_time(self) -> bool:
        """Whether a look at a time may begin: the others have ended, or have had enough time to."""
        if not all(self._timed[need] for need in self._waiting):
            return False
        return self._quiet_from() <= time.monotonic() or all(self._timed[need] for need in self._running)

    def _quiet_from(self) -> float:
        return self._last_began + self._seconds * TIMED_FROM

    def _patience(self) -> float:
        """Seconds until something is to be done even if nothing arrives."""
        begun = (*self._running.values(), *self._opening.values())
        moments = [each.started + self._seconds + GRACE_SECONDS for each in begun]
        if any(self._timed[need] for need in self._waiting) and self._quiet_from() > time.monotonic():
            moments.append(self._quiet_from())
        return max(0.0, min(moments) - time.monotonic())

    # ---------------------------------------------------------------------------- in their own threads

    def _ask(self, need: Need) -> None:
        result = _look(self._environment, need, self._seconds)
        self._next.put(lambda: self._take(need, result))

    def _open(self, host: str) -> None:
        reason: CannotObserve | None = None
        try:
            transport.connect(host, self._seconds)
        except BaseException as error:  # also SystemExit: the thread must not end without a word
            lacking = own_limits.cause(error)
            reason = error if isinstance(error, CannotObserve) and lacking is None else None
            reason = reason or Malformed(lacking or f"{type(error).__name__}: {error}")
        self._next.put(lambda: self._opened(host, reason))

    # --------------------------------------------------------------------------------- what came of it

    def _take(self, need: Need, result: Result) -> None:
        # what was given up may arrive late
        if self._running.pop(need, None) is not None:
            self._results[need] = result

    def _opened(self, host: str, reason: CannotObserve | None) -> None:
        begun = self._opening.pop(host, None)
        if begun is None or reason is None:
            return
        for need in [need for need in self._waiting if self._hosts[need] == host]:
            del self._waiting[need]
            self._fail(need, begun, reason.outcome, str(reason))

    def _give_up_overdue(self) -> None:
        too_late = time.monotonic() - self._seconds - GRACE_SECONDS
        message = f"the probe did not end within {self._seconds:g} s"
        for need, begun in list(self._running.items()):
            if begun.started <= too_late:
                del self._running[need]
                self._fail(need, begun, Timeout.outcome, message)
        for host, begun in list(self._opening.items()):
            if begun.started <= too_late:
                self._opened(host, Timeout(f"{host}: no connection within {self._seconds:g} s"))

    def _fail(self, need: Need, begun: _Begun, outcome: str, message: str) -> None:
        self._results[need] = Failure(*need, outcome, masked(message), begun.at, _since(begun.started))


def _is_timed(environment: Environment, need: Need) -> bool:
    name, target = need
    return target in environment.targets and probe(name, environment.targets[target].system).timed


def _shared_host(environment: Environment, need: Need) -> str | None:
    """The host whose shared connection the look takes, or None if it takes none."""
    name, target = need
    if target not in environment.targets:
        return None
    asked = environment.targets[target]
    takes_host = bool(probe(name, asked.system).over & (Over.HOST | Over.SOCKET))
    return asked.host if takes_host and transport.is_shared(asked.host) else None


def _look(environment: Environment, need: Need, deadline: float) -> Result:
    name, target = need
    began, started = now(), time.monotonic()

    def failure(outcome: str, message: str) -> Failure:
        return Failure(name, target, outcome, masked(message), began, _since(started))

    try:
        if target not in environment.targets:
            raise LookupError(f"there is no target {target} in {environment.name}")
        asked = environment.targets[target]
        version, values = probe(name, asked.system).look(environment, asked, deadline)
        if not values:
            raise Malformed("the probe saw nothing at all")
        return Observation(name, target, version, began, _since(started), dict(values))
    except BaseException as error:  # also SystemExit: the look must not end without a word
        if (lacking := own_limits.cause(error)) is not None:
            return failure(Malformed.outcome, lacking)
        if isinstance(error, CannotObserve):
            return failure(error.outcome, str(error))
        return failure(Malformed.outcome, f"{type(error).__name__}: {error}")


def _since(started: float) -> float:
    return round(time.monotonic() - started, 4)
