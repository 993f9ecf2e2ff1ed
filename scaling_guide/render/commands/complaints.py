"""What is wrong with the commands of runbooks: those that cannot be rendered, or are run nowhere."""

from collections.abc import Iterator

from jinja2 import TemplateError

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.runbooks import Confirm, Runbook, Step
from scaling_guide.render.commands.rendering import render, render_step, situation
from scaling_guide.render.commands.situation import Situation, targets

# what templates raise for what they are not given, and for what they do with it
_WRONG = (TemplateError, LookupError, TypeError, ValueError, AttributeError)


def problems(guide: Guide) -> tuple[Problem, ...]:
    """All that is wrong with the commands, for each environment; nothing where a reader gets every one."""
    return tuple(
        problem
        for runbook in guide.runbooks.values()
        for problem in (*_unrendered(guide, runbook), *_nowhere(guide, runbook))
    )


def _unrendered(guide: Guide, runbook: Runbook) -> Iterator[Problem]:
    for environment in guide.environments.values():
        try:
            given = runbook.rehearsal.parameters if runbook.rehearsal else {}
            found = situation(guide, environment, runbook, given=given)
        except _WRONG as error:
            yield _problem(runbook, environment, error, "parameters")
            continue
        for placed in _placed(runbook):
            try:
                _rendered(placed, found)
            except _WRONG as error:
                yield _problem(placed, environment, error, "run")


def _rendered(placed: Step | Confirm, found: Situation) -> None:
    for target in targets(placed, found):
        if isinstance(placed, Step):
            render_step(placed, found, target)
        else:
            render(placed.run, found, target)


def _problem(
    record: Runbook | Step | Confirm, environment: Environment, error: Exception, key: str
) -> Problem:
    what = f"cannot be rendered for {environment.name}: {error}"
    return Problem(record.place(key), "COMMAND_BROKEN", what, "correct the template, or add what it asks for")


def _nowhere(guide: Guide, runbook: Runbook) -> Iterator[Problem]:
    """Steps for servers of a role that no environment has: they would vanish from the page."""
    roles = {target.role for place in guide.environments.values() for target in place.targets.values()}
    for placed in _placed(runbook):
        if placed.role is not None and placed.role not in roles:
            what = f"no environment has a server of role {placed.role}"
            yield Problem(placed.place("role"), "UNKNOWN_ROLE", what, f"use one of {_words(roles)}")


def _words(roles: set[str | None]) -> str:
    return ", ".join(sorted(role for role in roles if role))


def _placed(runbook: Runbook) -> Iterator[Step | Confirm]:
    """Everything that is run by hand or in a rehearsal, in the order of the page."""
    yield from runbook.confirm
    for phase in runbook.phases.values():
        yield from phase.steps
    if runbook.rehearsal:
        yield from runbook.rehearsal.before
