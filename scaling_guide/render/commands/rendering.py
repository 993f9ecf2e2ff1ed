"""Templates of a runbook, and the names that they may use."""

import getpass
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import groupby
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import StrictUndefined, Template

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook, Step
from scaling_guide.model.systems import part, systems
from scaling_guide.model.target import Target
from scaling_guide.model.units import Unit, meaning
from scaling_guide.render.commands.situation import Situation, targets

# between two looks of a wait, in seconds
_PAUSE = 0.5


class Asked(str):
    """What is printed for a value that the reader has to give: `LIMIT?`, which is no value."""

    def __rmul__(self, times: object) -> str:
        return f"{times}x{self}"

    def split(self, *args: Any, **kwargs: Any) -> list[str]:
        """Its parts: of a name with a schema, the schema and the name."""
        return [Asked("SCHEMA?"), self]


@dataclass(frozen=True)
class Command:
    """A step made ready for one target; None where it runs once, from where the guide is.

    `run` and `wait` go to `bash -c` as they are. `wait` looks again and again, changes nothing, and fails
    when its time is over.
    """

    step: Step
    target: Target | None
    run: str
    wait: str | None


def situation(
    guide: Guide,
    environment: Environment,
    runbook: Runbook,
    server: str | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
    user: str | None = None,
    practice: bool = False,
) -> Situation:
    """A situation for the app server of that id (the first, where none is named), and for whoever asks.

    Parameters that are not `given` take the runbook's example; those that are asked for only in `practice`,
    else they stand as a word for the reader to replace. Raises LookupError for an unknown server or
    parameter and ValueError for a parameter that a shell would not read as one plain word.
    """
    servers = {app.id: app for app in environment.apps}
    named = server or next(iter(servers), "")
    if named not in servers:
        known = ", ".join(servers) or "none"
        raise LookupError(f"{environment.name} has no app server `{named}`; there are: {known}")
    if unknown := sorted(set(given) - set(runbook.parameters)):
        known = ", ".join(runbook.parameters) or "none"
        raise LookupError(f"{runbook.id} has no parameter `{unknown[0]}`; there are: {known}")
    found = Situation(guide, environment, runbook, servers[named], {}, user or getpass.getuser())
    examples = {
        name: Asked(f"{name.upper()}?") if each.safe and not practice else render(each.example, found)
        for name, each in runbook.parameters.items()
    }
    for name, value in given.items():
        if not isinstance(value, Asked) and shlex.quote(value) != value:
            raise ValueError(f"{name}: `{value}` is not one plain word")
    return replace(found, parameters={**examples, **given})


def phase_commands(found: Situation, phase: str) -> tuple[Command, ...]:
    """The commands of a phase in the order of their run. A step comes once for each of its targets."""
    return tuple(
        command
        for steps, about in rounds(found.runbook.phases[phase].steps, found)
        for step in steps
        for command in step_commands(step, about)
    )


def step_commands(step: Step, found: Situation) -> tuple[Command, ...]:
    """The commands of a step, one for each of its targets. Raises as `render` does."""
    return tuple(render_step(step, found, target) for target in targets(step, found))


def rounds(steps: Sequence[Step], found: Situation) -> list[tuple[tuple[Step, ...], Situation]]:
    """Steps that are taken together, with their situation: once, or in a round for each server."""
    together: list[tuple[tuple[Step, ...], Situation]] = []
    for is_round, group in groupby(steps, lambda step: step.each_server):
        servers = found.environment.apps if is_round else (found.server,)
        all_of_them = tuple(group)
        together += [(all_of_them, replace(found, server=server)) for server in servers]
    return together


def render_step(step: Step, found: Situation, target: Target | None) -> Command:
    """`step` for `target`. Raises as `render` does."""
    wait = None
    if step.wait is not None and step.wait_at_most is not None:
        wait = _bounded(render(step.wait, found, target), step.wait_at_most)
    return Command(step, target, render(step.run, found, target), wait)


def render(template: str, found: Situation, target: Target | None = None) -> str:
    """A template of a runbook for `target`.

    Raises jinja2.UndefinedError where it asks for something that the target, the runbook or the data lacks,
    and LookupError where it needs a command that the environment does not have.
    """
    context = {**found.parameters, **_everywhere(found)}
    if target is not None:
        context["target"] = target
        context |= _from(target.system, "at_target", target, found)
    return _compiled(template).render(context).strip()


def _everywhere(found: Situation) -> dict[str, Any]:
    """The names that a template may use wherever its command is run."""
    guide, environment = found.guide, found.environment

    def documented(fact_id: str) -> Any:
        return guide.facts[fact_id].value(environment.tier)

    names = {
        "env": environment,
        "apps": environment.apps,
        "server": found.server,
        "v": guide.values(environment.tier),
        "documented": documented,
        "command": _commands(environment),
        "as_checker": lambda target: _client("as_checker", target, found),
        "as_operator": lambda target: _client("as_operator", target, found),
    }
    for system in systems():
        names |= _from(system, "everywhere", found)
    return names


def _client(name: str, target: Target, found: Situation) -> str:
    """The client of `target`, as the user who may look (`as_checker`) or who acts (`as_operator`)."""
    client: str = getattr(part(target.system, "commands"), name)(target, found)
    return client


def _from(system: str, function: str, *arguments: Any) -> Mapping[str, Any]:
    """The names that a system's module `commands` adds, or none."""
    names = getattr(part(system, "commands"), function, None)
    found: Mapping[str, Any] = names(*arguments) if names else {}
    return found


def _commands(environment: Environment) -> Callable[..., str]:
    def command(name: str, **values: str) -> str:
        """The environment's own way to do something, with `{site}` and the named values filled in."""
        if name not in environment.commands:
            raise LookupError(f"{environment.name} has no command `{name}`: add it to its `commands`")
        words = {"site": environment.site, **values}
        return environment.commands[name].format_map({key: shlex.quote(word) for key, word in words.items()})

    return command


def _bounded(look: str, at_most: str) -> str:
    seconds = meaning(at_most, Unit.DURATION) / 1000
    return f"(SECONDS=0; until {look}\ndo ((SECONDS < {seconds:g})) || exit 1; sleep {_PAUSE:g}; done)"


@lru_cache(maxsize=4096)
def _compiled(template: str) -> Template:
    return _jinja().from_string(template)


@cache
def _jinja() -> Jinja:
    # autoescape would turn a quote of a command into an HTML entity
    jinja = Jinja(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    jinja.filters |= {
        "quote": shlex.quote,
        "regex": re.escape,
        "int": lambda value: value if isinstance(value, Asked) else int(float(value)),
    }
    return jinja
