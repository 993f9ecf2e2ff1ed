"""Nginx: what compression, connections that are kept and sessions that are resumed are worth."""

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from scaling_guide.lab.measure.rig import NotMeasured, Prepare, Rig, Sample, Take
from scaling_guide.lab.measure.wrk import wrk
from scaling_guide.model.target import AppTarget
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.postgres.rig import password, postgres

HTTPS, HTTP = 9443, 9080
CLIENTS = 16
ROWS = 2_000
HANDSHAKE_SECONDS = 1


# -------------------------------------------------------------------------------------------- compression


def compression(rig: Rig) -> Take:
    """Orders as JSON from a file: as they are, and compressed at several levels."""
    nginx = _nginx(rig)
    # where workers of another user may read it
    directory = Path(nginx.directory) / "measured"
    directory.mkdir(exist_ok=True)
    rig.undo.callback(shutil.rmtree, directory)
    file = directory / "orders.json"
    database = postgres(rig)
    where = ("-h", database.address, "-p", str(database.port), "-U", "app", database.database)
    rig.run("psql", "-X", "-q", "-At", "-o", str(file), "-c", _ORDERS, *where, environ=password(rig, "app"))
    for path, mode in ((directory, 0o755), (file, 0o644)):
        path.chmod(mode)
    gzip = {"off": "gzip off;"}
    for level in (1, 5, 9):
        gzip[f"level_{level}"] = f"gzip on; gzip_comp_level {level};"
    lines = (f"location = /{name} {{ {how} alias {file}; }}" for name, how in gzip.items())
    _serve(rig, "default_type application/json;", *lines)

    def take(level: str) -> Sample:
        url = f"http://{nginx.address}:{HTTP}/{level}"
        before = rig.processor(nginx.id)
        load = wrk(rig, url, "-H", "Accept-Encoding: gzip", clients=CLIENTS)
        used = rig.processor(nginx.id) - before
        return {
            "size": load.bytes / load.requests / 1000,
            "processor": 1000 * used / load.requests,
            "throughput": load.throughput,
        }

    return take


_ORDERS = f"""\
select json_agg(o) from (select id, customer_id, status, total, created_at from app.orders limit {ROWS}) o"""


# ------------------------------------------------------------------------------------------- connections


def keep_alive(rig: Rig) -> Take:
    """The smallest answer from Nginx itself, over connections that are kept and over a new one each."""
    # since wrk resumes sessions wherever it may
    nginx = _serve(rig, "ssl_session_cache off;", 'location = /ok { return 200 "ok"; }')
    urls = {
        "plain": f"http://{nginx.address}:{HTTP}/ok",
        "tls": f"https://{nginx.address}:{HTTPS}/ok",
    }

    def take(way: str) -> Sample:
        scheme, kept = way.split("_")
        options = () if kept == "kept" else ("-H", "Connection: close")
        return _costing(rig, nginx, urls[scheme], *options)

    return take


def keep_alive_upstream(rig: Rig) -> Take:
    """The smallest answer of the application through Nginx, over connections to it kept and new."""
    app = rig.target("app-1")
    assert isinstance(app, AppTarget)
    nginx = _serve(
        rig,
        'location = /kept { proxy_set_header Connection ""; proxy_pass http://measured/livez; }',
        "location = /new { proxy_set_header Connection close; proxy_pass http://measured/livez; }",
        upstream=f"upstream measured {{ server {app.address}:{app.http}; keepalive {CLIENTS}; }}",
    )

    def take(way: str) -> Sample:
        return _costing(rig, nginx, f"http://{nginx.address}:{HTTP}/{way}")

    return take


def _costing(rig: Rig, nginx: NginxTarget, url: str, *options: str) -> Sample:
    before = rig.processor(nginx.id)
    load = wrk(rig, url, *options, clients=CLIENTS)
    used = rig.processor(nginx.id) - before
    return {"throughput": load.throughput, "processor": 1e6 * used / load.requests}


# ---------------------------------------------------------------------------------------------- handshakes


def tls_resumption(rig: Rig) -> Take:
    """Handshakes with Nginx in full, and those that resume a session."""
    nginx = _serve(rig, 'location = /ok { return 200 "ok"; }')
    ways = {
        "full_12": ("-new", "-tls1_2"),
        "resumed_12": ("-reuse", "-tls1_2"),
        "full_13": ("-new", "-tls1_3"),
        "resumed_13": ("-reuse", "-tls1_3"),
    }
    # a session of TLS 1.3 is told after the handshake, so something has to be read
    how = ("-www", "/ok", "-time", str(HANDSHAKE_SECONDS), "-connect", f"{nginx.address}:{HTTPS}")

    def take(way: str) -> Sample:
        before, begun = rig.processor(nginx.id), time.monotonic()
        said = rig.run("openssl", "s_time", *how, *ways[way])
        # by the clock, since what it calls seconds are whole ones
        used, seconds = rig.processor(nginx.id) - before, time.monotonic() - begun
        handshakes = _handshakes(said, resumed=way.startswith("resumed"))
        return {"throughput": handshakes / seconds, "processor": 1e6 * used / handshakes}

    return take


MEASUREMENTS: Mapping[str, Prepare] = {
    "compression": compression,
    "keep-alive": keep_alive,
    "keep-alive-upstream": keep_alive_upstream,
    "tls-resumption": tls_resumption,
}


def _handshakes(said: str, resumed: bool) -> int:
    """How many there were. Raises NotMeasured where they were not of the kind that was asked for."""
    # openssl shows an `r` for each that resumed and a `*` for each that did not
    found = re.search(r"^r+$" if resumed else r"^\*+$", said, re.MULTILINE)
    if found is None:
        raise NotMeasured(f"openssl said: {' / '.join(said.strip().splitlines()[-3:])[-200:]}")
    return len(found[0])


# ------------------------------------------------------------------------------------------------- Nginx


def _nginx(rig: Rig) -> NginxTarget:
    target = rig.target("nginx")
    assert isinstance(target, NginxTarget)
    return target


def _serve(rig: Rig, *lines: str, upstream: str = "") -> NginxTarget:
    """Nginx with one server more, which has these lines and answers to any name, until all is measured."""
    nginx = _nginx(rig)
    server = _SERVER.format(nginx=nginx, lines="\n    ".join(lines), http=HTTP, https=HTTPS)
    name = rig.script("measured.conf", f"{upstream}\n{server}".lstrip())
    config = Path(nginx.config)
    before = config.read_text()
    rig.undo.callback(_reload, rig, config, before)
    # into the last block, which is http
    within, _, _ = before.rpartition("}")
    _reload(rig, config, f"{within}    include {rig.scratch / name};\n}}\n")
    return nginx


def _reload(rig: Rig, config: Path, text: str) -> None:
    config.write_text(text)
    rig.order("reload", "nginx")


_SERVER = """\
server {{
    listen {nginx.address}:{http};
    listen {nginx.address}:{https} ssl;
    ssl_certificate {nginx.certificate};
    ssl_certificate_key {nginx.certificate_key};
    access_log off;
    keepalive_requests 1000000;
    {lines}
}}
"""
