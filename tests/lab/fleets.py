"""Small fleets for the tests, named on the command line of a supervisor as `tests.lab.fleets:<function>`."""

import sys
from typing import TypeVar

from scaling_guide.lab import fleet
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.server import Server
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import examine
from scaling_guide.model.target import AppTarget
from scaling_guide.systems.app import server as app
from scaling_guide.systems.haproxy import server as haproxy
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.nginx import server as nginx
from scaling_guide.systems.nginx.target import NginxTarget

T = TypeVar("T", AppTarget, NginxTarget, HaproxyTarget)

SITE = "app.lab.test"
SETTINGS = "APP_KEEP_ALIVE=75s\nAPP_DRAIN=200ms\nAPP_SHUTDOWN=5s\nAPP_REQUEST_TIMEOUT=1s\n"

NGINX_CONF = """
worker_processes 2;
pid {root}/nginx/nginx.pid;
error_log {root}/logs/nginx-error.log notice;
events {{}}
http {{
    client_body_temp_path {root}/nginx/body;
    proxy_temp_path {root}/nginx/proxy;
    fastcgi_temp_path {root}/nginx/fastcgi;
    uwsgi_temp_path {root}/nginx/uwsgi;
    scgi_temp_path {root}/nginx/scgi;
    access_log off;
    server {{
        listen {net}.20:8443 ssl;
        listen {net}.20:8080;
        listen {net}.20:8081;
        ssl_certificate {root}/nginx/tls/app.pem;
        ssl_certificate_key {root}/nginx/tls/app.key;
        return 200 "one\\n";
    }}
}}
"""

HAPROXY_CFG = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind {net}.21:8080
    bind {net}.21:8404
    bind {net}.21:8443 ssl crt {root}/haproxy/tls/app.pem
    default_backend app
backend app
    option httpchk GET /readyz
    server app-1 {net}.31:8000 check inter 400ms
    server app-2 {net}.32:8000 check inter 400ms
"""


def named(target: T, name: str) -> T:
    """The target with the id that its environment would give it."""
    target._id = name
    return target


def app_target(where: Lab, number: int = 1) -> AppTarget:
    return named(AppTarget(system="app", address=f"{where.net}.3{number}"), f"app-{number}")


def nginx_target(where: Lab) -> NginxTarget:
    home = where.directory("nginx")
    return named(
        NginxTarget(
            system="nginx",
            version="1.22",
            address=f"{where.net}.20",
            https=8443,
            http=8080,
            status=8081,
            directory=str(home),
            config=f"{home}/nginx.conf",
            pid_file=f"{home}/nginx.pid",
            logs=f"{where.root}/logs",
            certificate=f"{home}/tls/app.pem",
            certificate_key=f"{home}/tls/app.key",
        ),
        "nginx",
    )


def haproxy_target(where: Lab) -> HaproxyTarget:
    home = where.directory("haproxy")
    return named(
        HaproxyTarget(
            system="haproxy",
            version="2.6",
            address=f"{where.net}.21",
            https=8443,
            http=8080,
            stats=8404,
            directory=str(home),
            config=f"{home}/haproxy.cfg",
            certificate=f"{home}/tls/app.pem",
            operator_socket=f"{home}/operator.sock",
            admin_socket=f"{home}/admin.sock",
            master_socket=f"{home}/master.sock",
        ),
        "haproxy",
    )


def app_server(where: Lab, number: int = 1) -> Server:
    return app.server(where, app_target(where, number), lambda: {"app.env": SETTINGS})


def nginx_server(where: Lab, needs: tuple[str, ...] = ()) -> Server:
    text = NGINX_CONF.format(root=where.root, net=where.net)
    return nginx.server(where, nginx_target(where), SITE, lambda: {"nginx.conf": text}, needs)


def haproxy_server(where: Lab, needs: tuple[str, ...] = ()) -> Server:
    text = HAPROXY_CFG.format(root=where.root, net=where.net)
    return haproxy.server(where, haproxy_target(where), SITE, lambda: {"haproxy.cfg": text}, needs)


def script(name: str, text: str, *binds: Bind, needs: tuple[str, ...] = ()) -> Server:
    """A server that is a few lines of Python."""
    return Server(name, (sys.executable, "-I", "-S", "-c", text), binds, needs)


LISTEN = """
import signal, socket, sys
listening = [socket.create_server((ip, port)) for ip, port in {binds!r}]
signal.pause()
"""


def listener(name: str, *binds: Bind, needs: tuple[str, ...] = ()) -> Server:
    """A server that listens, and nothing else."""
    return script(name, LISTEN.format(binds=[tuple(bind) for bind in binds]), *binds, needs=needs)


# ------------------------------------------------------------------------------------------------- fleets


def real(where: Lab, tier: str) -> list[Server]:
    """Two load balancers in front of one application, with small configurations."""
    return [nginx_server(where, ("app-1",)), haproxy_server(where, ("app-1",)), app_server(where)]


def nginx_alone(where: Lab, tier: str) -> list[Server]:
    """Nginx, which answers by itself."""
    return [nginx_server(where)]


def haproxy_before_one(where: Lab, tier: str) -> list[Server]:
    """HAProxy in front of one application; a second one is configured and does not run."""
    return [haproxy_server(where, ("app-1",)), app_server(where)]


def app_alone(where: Lab, tier: str) -> list[Server]:
    """One application."""
    return [app_server(where)]


def light(where: Lab, tier: str) -> list[Server]:
    """One server that starts in no time."""
    return [listener("light", Bind(f"{where.net}.40", 8000))]


def deaf(where: Lab, tier: str) -> list[Server]:
    """One server that ends by nothing but SIGKILL."""
    address = Bind(f"{where.net}.40", 8000)
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    return [script("deaf", ignore + LISTEN.format(binds=[tuple(address)]), address)]


def failing(where: Lab, tier: str) -> list[Server]:
    """One server that is fine and one that complains and ends."""
    complaint = "print('no room for the index', flush=True); raise SystemExit(3)"
    broken = script("broken", complaint, Bind(f"{where.net}.41", 8000), needs=("light",))
    return [*light(where, tier), broken]


def hanging(where: Lab, tier: str) -> list[Server]:
    """One server that is fine and one that never listens."""
    return [
        *light(where, tier),
        script("mute", "import signal; signal.pause()", Bind(f"{where.net}.41", 8000)),
    ]


def part(environment: Environment, *systems: str) -> Environment:
    """The environment with the targets of these systems only."""
    targets = {target.id: target for target in environment.of(*systems)}
    return environment.model_copy(update={"targets": targets})


def _documented(where: Lab, tier: str, *systems: str) -> list[Server]:
    """The servers of these systems, as documented for the tier."""
    guide, _ = examine(where.repo / "data", where.variables)
    assert guide is not None
    environment = part(guide.environments[fleet.ENVIRONMENT], *systems)
    return [fleet.server(where, guide, environment, target, tier) for target in environment.targets.values()]


def databases(where: Lab, tier: str) -> list[Server]:
    """PostgreSQL, its replica and the pooler, as documented."""
    return _documented(where, tier, "postgres", "pgbouncer")


WEB = ("haproxy", "app")
WEB_AND_DATABASES = (*WEB, "postgres", "pgbouncer")


def web(where: Lab, tier: str) -> list[Server]:
    """HAProxy and its applications, as documented, without the database and the caches behind them."""
    return _documented(where, tier, *WEB)


def web_and_databases(where: Lab, tier: str) -> list[Server]:
    """HAProxy, its applications and their databases, as documented."""
    return _documented(where, tier, *WEB_AND_DATABASES)
