"""Run the proof against a running lab: in lanes that do not see each other, at the same time.

A lane breaks one target after the other, and of each target first the values, then what is named, then the
lines, and at last the server itself. Values and lines share configurations, see `design`; what is named, and
whatever was not told apart, stands alone. With `each`, everything does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from scaling_guide.lab import waiting
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench, DidNotLand, whole
from scaling_guide.lab.proof.faults import killed, stand_ins
from scaling_guide.lab.proof.gate import Gate
from scaling_guide.lab.proof.looks import HURRY_SECONDS, Together, alone, left_out, takes_restart
from scaling_guide.lab.proof.matrix import QUIET, Kill, Proof, said
from scaling_guide.lab.proof.mutants import Mutant, deletion_mutants, named_mutants, value_mutants
from scaling_guide.lab.proof.mutations import stops_of
from scaling_guide.lab.proof.progress import Progress
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import Deletion, Fault
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.results import Run
from scaling_guide.model.systems import systems
from scaling_guide.model.target import AppTarget, Target
from scaling_guide.probes.probe import probes_of
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import now, verify
from scaling_guide.verify.selection import Selection, select

# for health checks to find everything up, and for pools to connect again
GREEN_SECONDS = 20.0

# for the applications to notice that their database is back
BACK_SECONDS = 6.0
THREADS = 64


@dataclass
class Course:
    """What one target has been asked, and all that came of it."""

    bench: Bench
    each: bool
    progress: Progress
    kills: list[Kill] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unsteady: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.values = tuple(value_mutants(self.bench))
        self.named = tuple(named_mutants(self.bench))
        self.lines: tuple[Mutant, ...] = ()

    @property
    def steps(self) -> int:
        """How many mutants and lines there are."""
        return len(self.values) + len(self.named) + len(self.lines)

    async def run(self, gate: Gate) -> None:
        """Break everything that is documented of the target, and mend it again."""
        begun = time.monotonic()
        shared = [] if self.each else await self._values()
        told = {kill.id for kill in shared}
        left = [mutant for mutant in (*self.values, *self.named) if mutant.id not in told]
        async for kill in _mended(self.bench, shared, self._alone(left, gate)):
            self.kills.append(kill)
        async for deletion in self._deletions():
            self.deletions.append(deletion)
            if deletion.unnoticed and not deletion.arguments(self.bench.guide):
                self.progress.say(f"{self.bench.target.id}: nobody notices when `{deletion.text}` is gone")
        await self.bench.restore()
        if self.bench.driver.can_be_killed:
            self.faults.append(await whole(killed(self.bench)))
        self.progress.target(self.bench.target.id, self.kills, self.deletions, time.monotonic() - begun)

    async def _values(self) -> list[Kill]:
        """The mutants of values that can be told apart in common configurations."""
        together = Together(self.bench)
        await together.see(self.values)
        self._note(together.unsteady)
        told = [together.kill(mutant) for mutant in self.values]
        kills = [kill for kill in told if kill is not None]
        for kill in kills:
            self.progress.kill(kill)
        return kills

    async def _alone(self, mutants: Iterable[Mutant], gate: Gate) -> AsyncIterator[Kill]:
        for mutant in mutants:
            async with gate.alone() if mutant.stops else nullcontext():
                kill = await whole(alone(self.bench, mutant))
                if mutant.stops:
                    await self.bench.restore()
            self._note(kill.unsteady)
            self.progress.kill(kill)
            yield kill

    async def _deletions(self) -> AsyncIterator[Deletion]:
        """Every line, those that come from a fact or are argued in common configurations first.

        Who may log in stands in files of its own, and without the checker's line there nothing can be seen.
        """
        left = self.lines
        if not self.each:
            likely = [line for line in self.lines if self._is_likely(line)]
            together = Together(self.bench, HURRY_SECONDS)
            await together.see(likely)
            self._note(together.unsteady)
            told = {line.id: together.deletion(line) for line in likely}
            for deletion in told.values():
                if deletion is not None:
                    self.progress.step()
                    yield deletion
            left = tuple(line for line in self.lines if told.get(line.id) is None)
        for line in left:
            yield await whole(left_out(self.bench, line))
            self.progress.step()

    def _note(self, unsteady: Iterable[str]) -> None:
        for check in sorted(unsteady):
            self.unsteady.add(f"{check}@{self.bench.target.id}")
            self.progress.say(f"{self.bench.target.id}: {check} was otherwise when it was looked at again")

    def _is_likely(self, line: Mutant) -> bool:
        """Whether it is known beforehand who notices that the line is gone, or that nobody does.

        Not of a line that is read at the start alone: a server that does not start tells nothing of others.
        """
        target = self.bench.target
        main = getattr(target, "config", None)
        if (main and not line.id.startswith(f"{Path(main).name}:")) or takes_restart(self.bench, line):
            return False
        arguments = (each for each in self.bench.guide.unnoticed if each.system == target.system)
        return bool(line.reddens) or any(line.shown.startswith(each.line) for each in arguments)


async def _mended(bench: Bench, before: Iterable[Kill], kills: AsyncIterator[Kill]) -> AsyncIterator[Kill]:
    """All kills, each with the proof that it was gone when one of `kills` was there later, or at the end."""
    waiting_for = [*before]
    async for kill in kills:
        for earlier in [*waiting_for] if kill.landed else []:
            # gone when none of its checks is red that this mutant does not redden itself
            if not earlier.expected & kill.expected:
                waiting_for.remove(earlier)
                yield replace(earlier, restored=not earlier.expected & kill.red)
        waiting_for.append(kill)
    await bench.restore()
    final = said(bench.target.id, (await bench.verify()).values())
    for kill in waiting_for:
        yield replace(kill, restored=not kill.expected & final.red)


async def prove(
    guide: Guide,
    environment: Environment,
    lab: Lab,
    progress: Progress,
    each: bool = False,
    targets: frozenset[str] = frozenset(),
) -> Proof:
    """Break everything that is documented, and mend it again. When cancelled it ends the step in hand first.

    The lab must be up and green. `targets` is the part that is asked about, all where it is empty. Raises
    DidNotLand where the lab is not healthy to begin with.
    """
    begun, started = time.monotonic(), now()
    checks = select(guide, environment, Selection(targets=targets))
    _demand_health(await asyncio.to_thread(verify, environment, checks))
    chosen = [target for target in environment.targets.values() if not targets or target.id in targets]
    courses = {target.id: Course(Bench(guide, environment, target, lab), each, progress) for target in chosen}
    for course in courses.values() if each else _unlike(courses.values()):
        course.lines = tuple(deletion_mutants(course.bench))
    progress.begin(sum(course.steps for course in courses.values()))
    # lanes wait in threads, and so does every stand-in
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    try:
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(stand_ins(environment, checks))
            await _lanes(environment, courses)
    except ExceptionGroup as errors:
        raise _first(errors) from None
    finally:
        benches = [course.bench for course in courses.values()]
        await asyncio.gather(*(bench.restore() for bench in benches), return_exceptions=True)
    faults = looking.result()
    faults += [fault for course in courses.values() for fault in course.faults]
    for fault in faults:
        if not fault.honest:
            progress.say(f"{fault.target}: {fault.id}: DISHONEST {fault.outcomes}")
    return Proof(
        checks=tuple(check.name for check in checks),
        kills=tuple(kill for course in courses.values() for kill in course.kills),
        deletions=tuple(deletion for course in courses.values() for deletion in course.deletions),
        faults=tuple(faults),
        started=started,
        finished=now(),
        seconds=time.monotonic() - begun,
        healthy=await _green(environment, checks),
        each=each,
        part=tuple(target.id for target in chosen) if targets else (),
        unsteady=tuple(sorted(name for course in courses.values() for name in course.unsteady)),
    )


def _demand_health(run: Run) -> None:
    if run.exit_code != ExitCode.VERIFIED:
        bad = [f"{row.id}@{row.target} {row.outcome}" for row in run.results if row.outcome not in QUIET]
        if {row.outcome for row in run.results} == {Outcome.UNREACHABLE}:
            raise DidNotLand("nothing of the lab can be reached: start it with `guide lab up`")
        raise DidNotLand(f"the lab is not green to begin with: {', '.join(bad[:5])}")


async def _green(environment: Environment, checks: Sequence[Check]) -> bool:
    """Whether the checks are green now, or in a moment."""

    async def lack() -> str | None:
        run = await asyncio.to_thread(verify, environment, checks)
        return None if run.exit_code == ExitCode.VERIFIED else "not all checks are green"

    try:
        await waiting.until(lack, GREEN_SECONDS)
    except TimeoutError:
        return False
    return True


def _unlike(courses: Iterable[Course]) -> list[Course]:
    """One of each kind: targets of one system and role run the same lines before the same checks."""
    kinds: dict[tuple[str, str | None], Course] = {}
    for course in courses:
        kinds.setdefault((course.bench.target.system, course.bench.target.role), course)
    return list(kinds.values())


async def _lanes(environment: Environment, courses: dict[str, Course]) -> None:
    """Run all courses, each as soon as none that disturbs it, or that it disturbs, is under way.

    Those that take longest go first. A mutant that takes away what other systems serve has the gate alone.
    """
    gate = Gate(partial(_answered, environment))
    _share(gate, courses.values())
    waiting_for = sorted(courses.values(), key=lambda course: -course.steps)
    running: dict[asyncio.Task[None], Course] = {}
    async with asyncio.TaskGroup() as group:
        while waiting_for or running:
            for course in [*waiting_for]:
                if not any(conflict(course.bench.target, each.bench.target) for each in running.values()):
                    waiting_for.remove(course)
                    running[group.create_task(course.run(gate))] = course
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if systems()[running[task].bench.target.system].disturbs:
                    await _answered(environment)
                del running[task]


def conflict(one: Target, other: Target) -> bool:
    """Whether one of two servers cannot be judged while the other is broken."""
    return _disturbs(one, other) or _disturbs(other, one)


def _disturbs(broken: Target, judged: Target) -> bool:
    kinds = systems()[broken.system].disturbed_by(broken)
    return judged.system in kinds or f"{judged.system}/{judged.role}" in kinds


def _share(gate: Gate, courses: Iterable[Course]) -> None:
    """Let courses observe only while nothing is taken away from them, and times only while nothing starts."""
    quiet = Gate()
    for course in courses:
        system = course.bench.target.system
        # a system that takes something away observes that while it has the gate alone
        shared = nullcontext if stops_of(system) else gate.shared
        course.bench.looking = shared
        if any(probe.timed for probe in probes_of(system).values()):
            course.bench.looking, course.bench.starting = partial(_both, shared, quiet.alone), quiet.shared


@asynccontextmanager
async def _both(
    one: Callable[[], AbstractAsyncContextManager[None]],
    other: Callable[[], AbstractAsyncContextManager[None]],
) -> AsyncIterator[None]:
    async with one(), other():
        yield


async def _answered(environment: Environment) -> None:
    """Wait a moment for the applications to answer what they read from their database."""

    async def lack() -> str | None:
        answers = await asyncio.gather(
            *(asyncio.to_thread(_status, target, environment.api) for target in environment.apps)
        )
        return None if set(answers) == {HTTPStatus.OK} else f"they answered {answers}"

    with suppress(TimeoutError):
        await waiting.until(lack, BACK_SECONDS)


def _status(target: AppTarget, path: str) -> int:
    connection = HTTPConnection(target.address, target.http, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def _first(errors: ExceptionGroup) -> Exception:
    """The first error of a group, and of the groups in it."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
