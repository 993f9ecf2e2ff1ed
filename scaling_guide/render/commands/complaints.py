"""What is wrong with the commands of runbooks: not to be rendered, too long, or run nowhere."""

from collections.abc import Iterator

from jinja2 import TemplateError

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.runbooks import Confirm, Runbook, Step
from scaling_guide.render.commands.printing import LONGEST, Printer
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
    whole = set().union(*map(_parts, guide.environments.values()))
    for environment in guide.environments.values():
        if _parts(environment) < whole:
            # what it lacks is out of scope for it; a broken template shows in those that lack nothing
            continue
        # for the lab with the values that it practises with, for a reader with what is to be filled in
        for practice in (True, False):
            given = runbook.rehearsal.parameters if runbook.rehearsal and practice else {}
            try:
                found = situation(guide, environment, runbook, given=given, practice=practice)
            except _WRONG as error:
                yield _problem(runbook, environment, error, "parameters")
                break
            complaints = [each for placed in _placed(runbook) for each in _wrong(placed, found)]
            yield from complaints
            if complaints:
                break


def _parts(environment: Environment) -> set[tuple[str, str | None]]:
    return {(target.system, target.role) for target in environment.targets.values()}


def _wrong(placed: Step | Confirm, found: Situation) -> Iterator[Problem]:
    """What is wrong with one command, once for an environment."""
    printer = Printer(found)
    try:
        texts = [printer.text(text) for text in _rendered(placed, found)]
    except _WRONG as error:
        yield _problem(placed, found.environment, error, "run")
        return
    longest = max((len(line) for text in texts for line in text.splitlines()), default=0)
    if longest > LONGEST:
        what = f"has a line of {longest} characters for {found.environment.name}, more than {LONGEST}"
        yield Problem(
            placed.place("run"), "COMMAND_TOO_LONG", what, "shorten it, or break it where it may break"
        )


def _rendered(placed: Step | Confirm, found: Situation) -> Iterator[str]:
    for target in targets(placed, found):
        if isinstance(placed, Step):
            command = render_step(placed, found, target)
            yield command.run
            yield command.wait or ""
        else:
            yield render(placed.run, found, target)


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
    for row in runbook.diagnose:
        yield from row.own_steps
        if row.cause:
            yield from row.cause.before
    for phase in runbook.phases.values():
        yield from phase.steps
    yield from runbook.users
    if runbook.rehearsal:
        yield from runbook.rehearsal.before
