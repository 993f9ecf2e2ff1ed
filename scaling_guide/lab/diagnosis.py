"""Prove the rows of diagnoses: bring about the cause of each in the lab, and see that this row decides."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from itertools import islice

from scaling_guide.lab import shell
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import mutations_of
from scaling_guide.model.diagnoses import Proof, Proven, row_digest
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Cause, Runbook, Step
from scaling_guide.model.target import LoadBalancer, Target
from scaling_guide.render.commands import Printer, Situation, situation, step_commands
from scaling_guide.verify.diagnosis import Diagnosis, diagnose

# a cause may take health checks or counters some time to show
SHOWS_WITHIN_SECONDS = 20.0
COMMAND_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 1.0


class Rig:
    """A running lab in which the causes of a runbook's rows are brought about, one after the other."""

    def __init__(self, guide: Guide, environment: Environment, lab: Lab, runbook: Runbook) -> None:
        given = runbook.rehearsal.parameters if runbook.rehearsal else {}
        self.found: Situation = situation(guide, environment, runbook, given=given, practice=True)
        self.lab, self.environ = lab, shell.environ(lab)
        self.benches = {
            target.id: Bench(guide, environment, target, lab) for target in environment.targets.values()
        }

    async def prove(self, progress: Callable[[str], None]) -> Proven:
        """Bring about every cause that a row names. Where one does not come about, the row stays unproven."""
        rows: dict[str, Proof] = {}
        rows_to_show = [row for row in self.found.runbook.diagnose if row.cause is not None]
        # where nothing is broken first: what was broken leaves its lines in logs
        for row in sorted(rows_to_show, key=lambda row: _breaks(row.cause)):
            assert row.cause is not None
            begun = time.monotonic()
            try:
                async with self.broken(row.cause):
                    seen = await self._until(row.id)
                proof = Proof(
                    digest=row_digest(self.found.runbook, row.id),
                    decided=seen.decides,
                    also=seen.also,
                    words=seen.words,
                    seconds=round(time.monotonic() - begun, 1),
                )
            except Exception as error:
                # a mutation may fail on its way back as well, in the words of any product
                why = f"not brought about: {error or type(error).__name__}"
                proof = Proof(row_digest(self.found.runbook, row.id), None, (), why, 0)
            rows[row.id] = proof
            state = (
                "proven"
                if proof.shows(row.id)
                else f"NOT proven: {proof.decided}, {proof.also} {proof.words}"
            )
            progress(f"{self.found.runbook.id} {row.id}: {state}, {proof.seconds} s")
        return Proven(runbook=self.found.runbook.id, date=date.today(), rows=rows)

    @asynccontextmanager
    async def broken(self, cause: Cause) -> AsyncIterator[None]:
        """The lab with a cause brought about, and as it was afterwards."""
        touched: set[str] = set()
        try:
            async with AsyncExitStack() as given:
                for name in cause.given:
                    for target in self._at(name, cause):
                        touched.add(target.id)
                        mutation = mutations_of(target.system)[name]
                        await given.enter_async_context(mutation(self.benches[target.id]))
                await self._run(cause.before)
                yield
        finally:
            await self._run(cause.after)
            for name in touched:
                await self.benches[name].restore()

    def _at(self, name: str, cause: Cause) -> Iterable[Target]:
        """Where a mutation is brought about: at the target that is named for it, or at the nearest."""
        environment = self.found.environment
        if name in cause.on:
            return [environment.targets[cause.on[name]]]
        targets = environment.targets.values()
        near = [each for each in targets if isinstance(each, LoadBalancer)] + [self.found.server]
        known = [each for each in near if name in mutations_of(each.system)]
        everywhere = [each for each in targets if name in mutations_of(each.system)]
        if not everywhere:
            raise DidNotLand(f"{name} is no mutation of the lab")
        return known or list(islice(everywhere, 1))

    async def _run(self, steps: Iterable[Step]) -> None:
        printer = Printer(self.found)
        for step in steps:
            for command in step_commands(step, self.found):
                text = printer.runnable(printer.text(command.run))
                ran = await shell.run(text, self.environ, self.lab.repo, COMMAND_SECONDS)
                if not ran.succeeded:
                    raise DidNotLand(f"`{step.do}` failed: {' / '.join(ran.said[-2:])}")

    async def _until(self, row: str) -> Diagnosis:
        """The diagnosis once `row` decides, or the last one when it does not show in time."""
        end = time.monotonic() + SHOWS_WITHIN_SECONDS
        while True:
            seen = await asyncio.to_thread(diagnose, self.found)
            if (seen.decides == row and not seen.also) or time.monotonic() > end:
                return seen
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _breaks(cause: Cause | None) -> bool:
    """Whether anything is broken for a row; some are for a lab in which all is well."""
    return cause is not None and bool(cause.given or cause.before)
