"""Templates of a runbook, and the names that they may use."""

import getpass
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import StrictUndefined, Template

from scaling_guide.model.environments import (
    Environment,
    HaproxyTarget,
    NginxTarget,
    PgbouncerTarget,
    PostgresTarget,
    RedisTarget,
    SentinelTarget,
    SupabaseTarget,
    Target,
)
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook, Step
from scaling_guide.model.units import Unit, meaning
from scaling_guide.render import supabase_api
from scaling_guide.render.commands import (
    certificate,
    haproxy,
    memcached,
    nginx,
    pgbouncer,
    postgres,
    redis,
    sql,
)
from scaling_guide.render.commands.situation import Situation, targets

# who can be asked as one of their users
Client = RedisTarget | SentinelTarget | PostgresTarget | PgbouncerTarget

# between two looks of a wait, in seconds
_PAUSE = 0.5


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
) -> Situation:
    """A situation for the app server of that id (the first, where none is named), and for whoever asks.

    Parameters that are not `given` take the runbook's example. Raises LookupError for an unknown server or
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
    examples = {name: render(each.example, found) for name, each in runbook.parameters.items()}
    for name, value in given.items():
        if shlex.quote(value) != value:
            raise ValueError(f"{name}: `{value}` is not one plain word")
    return replace(found, parameters={**examples, **given})


def phase_commands(found: Situation, phase: str) -> tuple[Command, ...]:
    """The commands of a phase in the order of their run. A step comes once for each of its targets."""
    return tuple(
        render_step(step, found, target)
        for step in found.runbook.phases[phase].steps
        for target in targets(step, found)
    )


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
    context = {**found.parameters, **_everywhere(found), **_servers(found.environment)}
    if target is not None:
        context["target"] = target
    if isinstance(target, NginxTarget):
        context |= nginx.commands(target, found.server) | certificate.commands(target, found)
    if isinstance(target, SupabaseTarget):
        context["supabase"] = supabase_api.Api(target)
    if isinstance(target, HaproxyTarget):
        context |= haproxy.commands(target, found.server) | certificate.commands(target, found)
    return _compiled(template).render(context).strip()


def _everywhere(found: Situation) -> dict[str, Any]:
    """What a template may use wherever its command is run."""
    guide, environment = found.guide, found.environment

    def documented(fact_id: str) -> Any:
        return guide.facts[fact_id].value(environment.tier)

    return {
        "env": environment,
        "apps": environment.apps,
        "server": found.server,
        "v": guide.values(environment.tier),
        "documented": documented,
        "command": _commands(environment),
        "backends": haproxy.BACKENDS,
        "as_checker": _as_checker,
        "as_operator": partial(_as_operator, found),
        "is_true": sql.is_true,
        "memcached": memcached.tell,
        **postgres.commands(found),
        **pgbouncer.commands(),
    }


def _as_checker(target: Client) -> str:
    """The client of `target`, as the user who may look."""
    match target:
        case PostgresTarget():
            return postgres.as_checker(target)
        case PgbouncerTarget():
            return pgbouncer.as_checker(target)
        case RedisTarget() | SentinelTarget():
            return redis.as_checker(target)


def _as_operator(found: Situation, target: Client) -> str:
    """The client of `target`, as the user who acts; that of PostgreSQL is for its own server."""
    match target:
        case PostgresTarget():
            return postgres.as_operator(target, found)
        case PgbouncerTarget():
            return pgbouncer.as_operator(target)
        case RedisTarget() | SentinelTarget():
            return redis.as_operator(target)


def _servers(environment: Environment) -> dict[str, Target]:
    """The servers of the database that have a name of their own, as far as the environment has them."""
    found: dict[str, Target] = {}
    for target in environment.targets.values():
        if isinstance(target, PostgresTarget):
            found.setdefault(target.role, target)
        if isinstance(target, PgbouncerTarget):
            found.setdefault("pooler", target)
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
    jinja.filters |= {"quote": shlex.quote, "regex": re.escape}
    return jinja
