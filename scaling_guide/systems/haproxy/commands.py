"""HAProxy: orders to its sockets, looks at its counters, and a reload that keeps what was set."""

import shlex
from typing import Any

from scaling_guide.model.target import AppTarget
from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.web import commands as certificate
from scaling_guide.systems.web.commands import BACKENDS


def everywhere(found: Situation) -> dict[str, Any]:
    """The names that a template may use wherever its command is run."""
    return {"backends": BACKENDS}


def at_target(target: HaproxyTarget, found: Situation) -> dict[str, Any]:
    """The names that a template may use at this load balancer."""
    return commands(target, found.server) | certificate.commands(target, found)


def commands(target: HaproxyTarget, server: AppTarget) -> dict[str, Any]:
    """Orders to the sockets of a load balancer, and what they show of a server."""
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
