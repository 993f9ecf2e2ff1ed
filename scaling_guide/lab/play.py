"""One scenario of a rehearsal: its configuration, its load, the commands of the page, and what came of it."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from scaling_guide.lab import shell, state
from scaling_guide.lab.client import Site
from scaling_guide.lab.course import GREEN_ALL_THE_SAME, Course, is_bounded
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ledger import Ledger
from scaling_guide.lab.load import Load, Report, Running
from scaling_guide.lab.pressure import Pressure
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations import mutations_of
from scaling_guide.lab.shell import Ran
from scaling_guide.model.environments import Environment
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.rehearsals import Act, Seen
from scaling_guide.model.runbooks import Rehearsal, Runbook, Scenario, Step
from scaling_guide.model.target import AppTarget, LoadBalancer, Target
from scaling_guide.model.units import Unit, meaning
from scaling_guide.render.commands import (
    Command,
    Printer,
    Situation,
    phase_commands,
    render,
    render_step,
    situation,
    step_commands,
    targets,
)
from scaling_guide.verify.check import Check
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import runbook_checks

COMMAND_SECONDS = 60.0
# for a wait to end by itself
GRACE_SECONDS = 10.0
# for health checks, and a slow start, to come to an end
GREEN_SECONDS = 40.0
LOOK_SECONDS = 0.5
LONGEST_LOAD_SECONDS = 120.0
# of a step that succeeded and changed too little
EFFECTLESS = 75
MET = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.WAIVED})

Procedure = Runbook | Experiment


@dataclass
class Play:
    """A scenario of `procedure` in a lab that is up and as documented. Each play runs once."""

    guide: Guide
    environment: Environment
    lab: Lab
    procedure: Procedure
    rehearsal: Rehearsal
    scenario: Scenario
    acts: list[Act] = field(default_factory=list)
    unmet: dict[str, tuple[str, ...]] = field(default_factory=dict)
    given: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.environ = shell.environ(self.lab)
        self.situation = self._situation()
        self.printer = Printer(self.situation) if self.situation else None
        self.benches = {
            target.id: Bench(self.guide, self.environment, target, self.lab)
            for target in self.environment.targets.values()
        }
        systems = self.scenario.targets or self.rehearsal.targets
        self.load_balancers: tuple[LoadBalancer, ...] = tuple(
            target for target in self.environment.of(*systems) if isinstance(target, LoadBalancer)
        )

    def _situation(self) -> Situation | None:
        if isinstance(self.procedure, Experiment):
            return None
        return situation(
            self.guide, self.environment, self.procedure, given=self.rehearsal.parameters, practice=True
        )

    async def run(self) -> Course:
        """The scenario from its configuration to its figures.

        Raises DidNotLand where a server refuses the configuration or a mutation fails, ChildProcessError
        where the load does.
        """
        await self._configure()
        await self._steps("before", self._before())
        # a runbook begins with something that is broken already; an experiment breaks it under load
        is_accident = isinstance(self.procedure, Experiment)
        if not is_accident:
            await self._break()
        pressure = Pressure()
        async with AsyncExitStack() as stack:
            loads = {
                target.id: await stack.enter_async_context(Running(self._load(target)))
                for target in self.load_balancers
            }
            for load in loads.values():
                await load.established()
            if is_accident:
                await self._break()
            start = await self._state()
            await self._confirm()
            await self._checks("preconditions")
            await self._phase("preconditions")
            await self._phase("mitigate")
            await self._checks("mitigate")
            mitigated = time.monotonic()
            last = "roll_back" if self.scenario.roll_back else "verify"
            await self._phase(last)
            await self._users()
            finished = await asyncio.gather(*(load.finish() for load in loads.values()))
            waited = pressure.share()
        await self._checks(last)
        end = await self._state()
        reports = dict(zip(loads, finished, strict=True))
        # the lab goes down, so what does not let itself be taken back need not be
        with suppress(Exception):
            async with asyncio.timeout(GRACE_SECONDS):
                await self.given.aclose()
        return Course(
            seen={name: self._seen(name, report, mitigated) for name, report in reports.items()},
            acts=tuple(self.acts),
            unmet=self.unmet,
            differences=start.differences(end) if self.scenario.roll_back else None,
            outlasted=any(report.seconds >= LONGEST_LOAD_SECONDS for report in finished),
            versions=start.versions,
            pressure=waited,
        )

    # ------------------------------------------------------------------------------------------- setting

    async def _configure(self) -> None:
        for bench in self.benches.values():
            await bench.put(bench.rendered(self.scenario.overrides))
            bench.pristine = bench.current

    def _load(self, target: LoadBalancer) -> Load:
        trust = Path(target.trust) if target.trust else None
        return Load(
            Site(target.address, target.https, self.environment.site, trust),
            per_second=self.rehearsal.requests_per_second,
            seconds=self.rehearsal.seconds,
            seconds_at_most=LONGEST_LOAD_SECONDS,
            method=self.scenario.method,
            path=self.scenario.path or self.rehearsal.path,
            orders=target.id,
        )

    async def _break(self) -> None:
        """Bring about what the scenario is given."""
        for name in self.scenario.given:
            for target in self.broken(name):
                mutation = mutations_of(target.system)[name]
                await self.given.enter_async_context(mutation(self.benches[target.id]))

    async def _mend(self) -> None:
        """Take back what the scenario was given, for the step that mends it.

        An application reads its file when it starts, and that is left to the step.
        """
        await self.given.aclose()
        for bench in self.benches.values():
            if isinstance(bench.target, AppTarget):
                bench.rewrite()
            else:
                await bench.restore()

    def broken(self, name: str) -> Sequence[Target]:
        """Where a mutation is brought about: at the target that is named for it, or else near at hand."""
        if name in self.scenario.on:
            return [self.environment.targets[self.scenario.on[name]]]
        server = self.situation.server if self.situation else self.environment.apps[0]
        near = [each for each in (*self.load_balancers, server) if name in mutations_of(each.system)]
        everywhere = (each for each in self.environment.targets.values() if name in mutations_of(each.system))
        return near or list(islice(everywhere, 1))

    async def _state(self) -> state.State:
        return await asyncio.to_thread(state.read, self.environment, self.lab)

    # ------------------------------------------------------------------------------------------- phases

    def _before(self) -> Iterable[Command]:
        if self.situation is None:
            return ()
        return [
            render_step(step, self.situation, target)
            for step in self.rehearsal.before
            for target in targets(step, self.situation)
        ]

    async def _confirm(self) -> None:
        """Take every look of the page; what it shows is for people, but it must show something."""
        if self.situation is None:
            return
        for look in self.situation.runbook.confirm:
            for target in targets(look, self.situation):
                ran = await self._shell(render(look.run, self.situation, target), COMMAND_SECONDS)
                self._record("confirm", target, look.look, ran)

    async def _users(self) -> None:
        """See what a user sees at the end, as the page does."""
        if self.situation is not None and is_bounded(self.scenario):
            found = self.situation
            commands = [each for step in found.runbook.users for each in step_commands(step, found)]
            await self._steps("users", commands)

    async def _phase(self, phase: str) -> None:
        if self.situation is not None:
            await self._steps(phase, phase_commands(self.situation, phase))

    async def _steps(self, phase: str, commands: Iterable[Command]) -> None:
        """Run the commands that the scenario does not skip, up to the first that fails."""
        for command in commands:
            step = command.step
            if step.id is not None and step.id in self.scenario.skip:
                continue
            if step.id is not None and step.id == self.scenario.mended_by:
                await self._mend()
            ran = await self._run(command)
            self._record(phase, command.target, step.do, ran)
            if not ran.succeeded:
                return

    async def _run(self, command: Command) -> Ran:
        """Run a command as it is printed, see that it changed something, and wait."""
        ran = _with_effect(command.step, await self._shell(command.run, COMMAND_SECONDS))
        if not ran.succeeded or command.wait is None or command.step.wait_at_most is None:
            return ran
        patience = float(meaning(command.step.wait_at_most, Unit.DURATION)) / 1000
        waited = await self._shell(command.wait, patience + GRACE_SECONDS)
        return replace(waited, seconds=round(ran.seconds + waited.seconds, 3))

    async def _shell(self, command: str, seconds: float) -> Ran:
        """Run a command as a page prints it, with the settings that the page begins with."""
        if self.printer is not None:
            command = self.printer.runnable(self.printer.text(command))
        return await shell.run(command, self.environ, self.lab.repo, seconds)

    async def _checks(self, phase: str) -> None:
        """Note the checks of a phase that do not hold, or should not, after some patience."""
        if self.situation is None:
            return
        checks = runbook_checks(self.guide, self.environment, self.procedure.id, phase)
        # what was not done will not turn green by waiting
        is_hopeful = is_bounded(self.scenario) and phase not in self.unmet
        end = time.monotonic() + (GREEN_SECONDS if is_hopeful else 0)
        unmet = await self._unmet(checks, phase)
        while unmet and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)
            unmet = await self._unmet(checks, phase)
        for each in unmet:
            self._note(phase, each)

    async def _unmet(self, checks: Sequence[Check], phase: str) -> list[str]:
        run = await asyncio.to_thread(verify, self.environment, checks)
        red = self.scenario.red if phase in ("verify", "roll_back") else ()
        found = {row.id for row in run.results if row.outcome is Outcome.FAIL}
        return [
            f"{row.id}@{row.target} {row.outcome}: {row.message}"
            for row in run.results
            if row.outcome not in MET and row.id not in red
        ] + [f"{name} {GREEN_ALL_THE_SAME}" for name in red if name not in found]

    def _record(self, phase: str, target: Target | None, do: str, ran: Ran) -> None:
        self.acts.append(Act(phase, target.id if target else None, do, ran.exit_code, ran.seconds))
        if not ran.succeeded:
            self._note(phase, f"`{do}` failed: {' / '.join(ran.said[-3:]) or 'without a word'}")

    def _note(self, phase: str, what: str) -> None:
        self.unmet[phase] = (*self.unmet.get(phase, ()), what)

    # ------------------------------------------------------------------------------------------- figures

    def _seen(self, target: str, report: Report, mitigated: float) -> Seen:
        ledger = Ledger(self.lab.root / "orders.ledger").executions()
        executed = {order: len(by) for order, by in ledger.items() if order.startswith(f"{target}-")}
        return Seen(
            sent=report.sent,
            ok=report.ok,
            lost=report.lost,
            lost_after=sum(loss.at >= mitigated - report.began for loss in report.losses),
            window=report.window,
            latencies=report.latencies,
            late=report.late,
            executed_twice=sum(number > 1 for number in executed.values()),
            lost_but_executed=sum(loss.order in executed for loss in report.losses),
        )


def _with_effect(step: Step, ran: Ran) -> Ran:
    """What ran, and failed where it changed less than it must have."""
    if not ran.succeeded or step.effect is None:
        return ran
    text = "\n".join(ran.said)
    number = step.effect.read(text)
    if number is not None and step.effect.is_met(number, lambda name: float("nan")):
        return ran
    changed = "nothing" if number is None else f"{number:g}"
    return replace(ran, exit_code=EFFECTLESS, said=(*ran.said, f"{step.effect.of}: {changed}"))
