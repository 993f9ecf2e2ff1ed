"""Rehearse runbooks and experiments: under load, each scenario in a lab started afresh."""

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from scaling_guide.lab import lifecycle
from scaling_guide.lab.course import Course, is_bounded, problems
from scaling_guide.lab.layout import LabError, lab
from scaling_guide.lab.play import Play, Procedure
from scaling_guide.lab.proof.bench import DidNotLand
from scaling_guide.lab.proof.mutations import every_name, mutations_of
from scaling_guide.lab.server import ReloadRefused
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.rehearsals import Measured, Played, scenario_digest
from scaling_guide.model.runbooks import Rehearsal, Safety, Scenario
from scaling_guide.render.commands import digest

ATTEMPTS = 3

Progress = Callable[[str], None]


class NotRehearsed(Exception):
    """Why a rehearsal was not begun, or not brought to an end."""


def rehearse(
    guide: Guide,
    environment: Environment,
    procedure: Procedure,
    number: int,
    progress: Progress = lambda line: None,
    irreversible: bool = False,
    fleet: str = lifecycle.FLEET,
) -> Measured:
    """Play every scenario of a runbook or an experiment in lab `number`, which is down afterwards.

    `environment` is the lab's, loaded for that number, and `fleet` makes its servers. Raises NotRehearsed as
    `accepted` does, and where a server refuses the configuration of a scenario, a mutation fails, or the load
    does not run or not on time; LabError where the lab is up already or does not start.
    """
    rehearsal = accepted(environment, procedure, irreversible)
    where = lab(number)
    if lifecycle.status(number).phase != "down":
        raise LabError(
            f"lab {number} is up, and a rehearsal breaks things: take it down or use another --lab"
        )
    systems = {target.id: target.system for target in environment.targets.values()}
    cast = partial(Play, guide, environment, where, procedure, rehearsal)
    played: dict[str, Played] = {}
    versions: Mapping[str, str] = {}
    for name, scenario in rehearsal.scenarios.items():
        progress(f"{procedure.id}: {scenario.title}")
        course = _course(cast, fleet, scenario, systems, progress)
        played[name] = _played(rehearsal, name, course, systems)
        versions = course.versions
        for target, seen in course.seen.items():
            progress(f"  {target}: {seen.words}")
        for problem in played[name].problems:
            progress(f"  {problem}")
    return Measured(
        id=procedure.id,
        digest=digest(guide, procedure),
        date=date.today(),
        tier=environment.tier,
        cores=len(os.sched_getaffinity(0)),
        versions=versions,
        requests_per_second=rehearsal.requests_per_second,
        scenarios=played,
    )


def accepted(environment: Environment, procedure: Procedure, irreversible: bool = False) -> Rehearsal:
    """The rehearsal of a procedure.

    Raises NotRehearsed where it has none, where a scenario is given a mutation that nobody knows, or that its
    target does not, and, unless `irreversible`, where a step cannot be undone.
    """
    rehearsal = procedure.rehearsal
    if rehearsal is None:
        raise NotRehearsed(f"{procedure.id} has no rehearsal")
    if unknown := {name for each in rehearsal.scenarios.values() for name in each.given} - every_name():
        raise NotRehearsed(f"{procedure.id} is given {min(unknown)}, which is no mutation of the lab")
    for scenario in rehearsal.scenarios.values():
        for name, target in scenario.on.items():
            if target not in environment.targets or name not in mutations_of(
                environment.targets[target].system
            ):
                raise NotRehearsed(f"{procedure.id} is given {name} on {target}, which cannot be broken so")
    for phase in procedure.phases.values():
        for step in phase.steps:
            if step.safety is Safety.IRREVERSIBLE and not irreversible:
                raise NotRehearsed(f"{procedure.id} has a step that cannot be undone: `{step.do}`")
    return rehearsal


def _course(
    cast: Callable[[Scenario], Play],
    fleet: str,
    scenario: Scenario,
    systems: Mapping[str, str],
    progress: Progress,
) -> Course:
    """The course of a scenario, once more where this machine was too busy for it to tell anything.

    A client that was late loses what the server would not, and a server that gets no time loses what is not
    its fault. Raises NotRehearsed where a scenario that promises something fell short each time for that
    reason.
    """
    for _ in range(ATTEMPTS):
        course = _once(cast(scenario), fleet)
        hurried = [seen for seen in course.seen.values() if seen.is_hurried]
        is_kept = is_bounded(scenario) and not problems(scenario, course, systems)
        # what only shows the opposite may be shown at its worst
        starved = is_bounded(scenario) and course.is_starved
        if is_kept or not (hurried or starved):
            return course
        late = ", ".join(f"{seen.late:,} of {seen.sent:,} requests left late" for seen in hurried)
        reason = late or f"processes waited for a processor {course.pressure:.0%} of the time"
        progress(f"  this machine is too busy: {reason}; once more")
    if is_bounded(scenario):
        raise NotRehearsed(f"{scenario.title}: this machine is too busy to measure it")
    return course


def _once(play: Play, fleet: str) -> Course:
    """Let a scenario take its course in a lab of its own."""
    try:
        lifecycle.up(play.lab.number, play.environment.tier, fleet=fleet)
        return asyncio.run(play.run())
    except (DidNotLand, ReloadRefused, TimeoutError, ChildProcessError) as error:
        raise NotRehearsed(f"{play.procedure.id}: {play.scenario.title}: {error}") from error
    finally:
        lifecycle.down(play.lab.number)


def _played(rehearsal: Rehearsal, name: str, course: Course, systems: Mapping[str, str]) -> Played:
    scenario = rehearsal.scenarios[name]
    return Played(
        title=scenario.title,
        method=scenario.method,
        digest=scenario_digest(rehearsal, name),
        bounded=is_bounded(scenario),
        seen=course.seen,
        acts=course.acts,
        unmet=course.unmet,
        differences=course.differences,
        problems=problems(scenario, course, systems),
    )
