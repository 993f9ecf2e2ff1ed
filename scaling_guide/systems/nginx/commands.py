"""Nginx: a file that is edited, tested and loaded, and old workers that end."""

import re
import shlex
from typing import Any

from scaling_guide.model.target import AppTarget
from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.web import commands as certificate
from scaling_guide.systems.web.commands import BACKENDS


def at_target(target: NginxTarget, found: Situation) -> dict[str, Any]:
    """The names that a template may use at this load balancer."""
    return commands(target, found.server) | certificate.commands(target, found)


def commands(target: NginxTarget, server: AppTarget) -> dict[str, str]:
    """The file of a load balancer edited, tested and loaded, for a server behind it."""
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
