"""The commands of a runbook for one environment: the same string for the page, the terminal and the lab."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import StrictUndefined

from scaling_guide.model.environments import (
    AppTarget,
    Environment,
    HaproxyTarget,
    LoadBalancer,
    MemcachedTarget,
    NginxTarget,
    RedisTarget,
    SentinelTarget,
    SupabaseTarget,
    Target,
)
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import System
from scaling_guide.model.runbooks import Runbook, Step, Systems
from scaling_guide.model.units import Unit, meaning
from scaling_guide.render import supabase_api

# the sections of haproxy.cfg that have a line for each server
BACKENDS = ("app", "app_sticky")

# between two looks of a wait, in seconds
_PAUSE = 0.5


@dataclass(frozen=True)
class Situation:
    """What a runbook's commands are rendered for: a place, the server it is about, and what was decided."""

    guide: Guide
    environment: Environment
    runbook: Runbook
    server: AppTarget
    parameters: Mapping[str, str]


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
) -> Situation:
    """A situation for the app server of that id (the first, where none is named).

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
    found = Situation(guide, environment, runbook, servers[named], {})
    examples = {name: render(each.example, found) for name, each in runbook.parameters.items()}
    for name, value in given.items():
        if shlex.quote(value) != value:
            raise ValueError(f"{name}: `{value}` is not one plain word")
    return Situation(guide, environment, runbook, servers[named], {**examples, **given})


def phase_commands(found: Situation, phase: str) -> tuple[Command, ...]:
    """The commands of a phase in the order of their run. A step comes once for each of its targets."""
    return tuple(
        render_step(step, found, target)
        for step in found.runbook.phases[phase].steps
        for target in targets(step.system, found)
    )


def targets(systems: Systems | None, found: Situation) -> tuple[Target | None, ...]:
    """Where a step or a look is run: on each load balancer, or at the one server the runbook is about."""
    if systems is None:
        return (None,)
    wanted = (systems,) if isinstance(systems, System) else systems
    everywhere = found.environment.of(*wanted)
    return tuple(each for each in everywhere if each.system is not System.APP or each == found.server)


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
    guide, environment = found.guide, found.environment

    def documented(fact_id: str) -> Any:
        return guide.facts[fact_id].value(environment.tier)

    context = {
        **found.parameters,
        "env": environment,
        "apps": environment.apps,
        "server": found.server,
        "v": guide.values(environment.tier),
        "documented": documented,
        "command": _commands(environment),
        "backends": BACKENDS,
        "as_checker": partial(_redis_cli, "user", "password_file"),
        "as_operator": partial(_redis_cli, "operator", "operator_password_file"),
        "memcached": _memcached,
    }
    if target is not None:
        context["target"] = target
    if isinstance(target, NginxTarget):
        context |= _nginx(target, found.server) | _certificate(target, found)
    if isinstance(target, SupabaseTarget):
        context["supabase"] = supabase_api.Api(target)
    if isinstance(target, HaproxyTarget):
        context |= _haproxy(target, found.server) | _certificate(target, found)
    return _jinja().from_string(template).render(context).strip()


def _redis_cli(user: str, password_file: str, target: RedisTarget | SentinelTarget) -> str:
    """The client of Redis as one of its users, for a command; it fails where Redis answers no."""
    name, file = getattr(target, user), shlex.quote(getattr(target, password_file))
    # in the environment, since the arguments of a process can be seen by everybody
    login = f'REDISCLI_AUTH="$(cat {file})" redis-cli --no-auth-warning -e'
    return f"{login} -h {target.address} -p {target.port} --user {shlex.quote(name)}"


def _memcached(target: MemcachedTarget, command: str) -> str:
    """One command for Memcached, and its answer without carriage returns."""
    address = f"TCP:{target.address}:{target.port}"
    return f"printf '{command}\\r\\nquit\\r\\n' | socat -t 2 - {address} | tr -d '\\r'"


def _commands(environment: Environment) -> Callable[..., str]:
    def command(name: str, **values: str) -> str:
        """The environment's own way to do something, with `{site}` and the named values filled in."""
        if name not in environment.commands:
            raise LookupError(f"{environment.name} has no command `{name}`: add it to its `commands`")
        words = {"site": environment.site, **values}
        return environment.commands[name].format_map({key: shlex.quote(word) for key, word in words.items()})

    return command


def _nginx(target: NginxTarget, server: AppTarget) -> dict[str, str]:
    config, before = shlex.quote(target.config), shlex.quote(f"{target.directory}/workers.before")
    whole = shlex.quote(f"{target.config}.before-drain")
    # -e: what is wrong goes to the reader, not to the log file that was compiled in
    nginx = f"{target.binary} -e stderr"
    children = f'pgrep -P "$(cat {shlex.quote(target.pid_file)})" -f'
    workers = f"{children} 'worker process$'"
    # who serves is noted first, since the command returns before anything has happened
    reload = f"{workers} > {before} && {nginx} -s reload -c {config}"
    tested = f"{nginx} -t -c {config} &&\n{reload}"
    line = rf"^[[:space:]]*server {re.escape(server.address)}:{server.http}"
    return {
        "nginx": nginx,
        "nginx_test": f"{nginx} -t -c {config}",
        "nginx_reload": reload,
        "nginx_reloaded": f'test -s {before} && now=$({workers}) && ! grep -qxF "$now" {before}',
        "nginx_old_workers_gone": f"{workers} > /dev/null && ! {children} 'shutting down' > /dev/null",
        "nginx_is_whole": f"test ! -e {whole}",
        "nginx_take_out": f"cp -p {config} {whole} &&\n"
        f"sed -i --follow-symlinks '/{line}[ ;]/ {{ / down;/! s/;/ down;/ }}' {config} &&\n"
        f"""test "$(grep -c '{line} .*down;' {config})" = {len(BACKENDS)} &&\n{tested}""",
        "nginx_bring_back": f"cp {whole} {config} &&\n{tested}",
        "nginx_forget_copy": f"cmp {whole} {config} && rm {whole}",
    }


def _haproxy(target: HaproxyTarget, server: AppTarget) -> dict[str, Any]:
    # -t: by default socat hangs up after half a second, with half of an answer
    show, admin, master = (
        f"socat -t 5 stdio {shlex.quote(path)}"
        for path in (target.operator_socket, target.admin_socket, target.master_socket)
    )
    state, before = (shlex.quote(f"{target.directory}/{name}") for name in ("state", "worker.before"))
    worker = f"""echo "show proc" | {master} | awk '$2 == "worker" {{print $1; exit}}'"""
    stat = f'echo "show stat" | {show} | awk -F,'

    def is_so(condition: str) -> str:
        """Look whether `condition` holds in every backend for the columns of the server in `show stat`."""
        row = f'$1 ~ /^({"|".join(BACKENDS)})$/ && $2 == "{server.id}" && {condition}'
        return f"{stat} '{row} {{n++}} END {{exit n != {len(BACKENDS)}}}'"

    def order(command: str, *servers: AppTarget) -> str:
        """Give `command` for the server, or those named, in every backend; `{}` stands for each.

        HAProxy answers only what went wrong, and socat succeeds all the same: look afterwards.
        """
        names = [f"{backend}/{each.id}" for each in servers or (server,) for backend in BACKENDS]
        return f'echo "{"; ".join(command.format(name) for name in names)}" | {admin}'

    return {
        "haproxy": target.binary,
        "haproxy_show": show,
        "haproxy_state": state,
        "haproxy_test": f"{target.binary} -c -f {shlex.quote(target.config)}",
        # the states are saved in the same breath, or drained servers would come back with the new worker
        "haproxy_reload": f'echo "show servers state" | {show} > {state} &&\n'
        f'grep -q " {BACKENDS[0]} " {state} &&\n'
        f"{worker} > {before} &&\n"
        f'echo "reload" | {master}',
        "haproxy_reloaded": f'now=$({worker}) && test -n "$now" && test "$now" != "$(cat {before})" &&\n'
        f"{stat} '/^app/ {{n++}} /,INI,/ {{n = -99}} END {{exit n < 1}}'",
        "haproxy_is": is_so,
        "haproxy_order": order,
    }


def _certificate(target: LoadBalancer, found: Situation) -> dict[str, str]:
    environment = found.environment
    site, used, new = (
        shlex.quote(each) for each in (environment.site, target.certificate, f"{target.certificate}.new")
    )
    key = shlex.quote(f"{target.certificate}.new.key")
    trust = f"-CAfile {shlex.quote(target.trust)} " if target.trust else ""
    days = found.guide.facts["certificate-days-left"].value(environment.tier)
    served = (
        f"timeout 5 openssl s_client -connect {target.address}:{target.https} -servername {site}"
        " < /dev/null 2> /dev/null | openssl x509 -noout -serial -enddate"
    )
    return {
        "certificate_new": new,
        "certificate_new_key": key,
        "certificate_good": f"openssl x509 -in {new} -noout -checkend {days * 86400} &&\n"
        f"openssl x509 -in {new} -noout -checkhost {site} | grep 'does match' &&\n"
        f"openssl verify {trust}-untrusted {new} {new} &&\n"
        f'test "$(openssl x509 -in {new} -noout -pubkey)" = "$(openssl pkey -in {key} -pubout)"',
        "certificate_served": served,
        # grep and not test: two empty answers would be equal
        "certificate_is_served": f'{served} |\ngrep -qxF "$(openssl x509 -noout -serial -in {used})"',
    }


def _bounded(look: str, at_most: str) -> str:
    seconds = meaning(at_most, Unit.DURATION) / 1000
    return f"(SECONDS=0; until {look}\ndo ((SECONDS < {seconds:g})) || exit 1; sleep {_PAUSE:g}; done)"


@cache
def _jinja() -> Jinja:
    # autoescape would turn a quote of a command into an HTML entity
    jinja = Jinja(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    jinja.filters |= {"quote": shlex.quote, "regex": re.escape}
    return jinja
