"""What the http probe sees through real load balancers, each broken in one way, and of servers that lie."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.lab import ca, files
from scaling_guide.model.target import LoadBalancer
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.web import http
from tests.systems import servers
from tests.systems.servers import HOST, SITE, differences

DEADLINE = 5.0
HSTS = "max-age=63072000"

NGINX = {
    "hsts": f'add_header Strict-Transport-Security "{HSTS}" always;',
    "forwarded": "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;",
    "upstream": "app",
    "sticky": "app_sticky",
    "redirect": "return 308 https://$host$request_uri;",
    "certificate": "good",
}
NGINX_BROKEN: dict[str, dict[str, str]] = {
    "good": {},
    "hsts not on errors": {"hsts": f'add_header Strict-Transport-Security "{HSTS}";'},
    "hsts nowhere": {"hsts": ""},
    "hsts without a number": {"hsts": 'add_header Strict-Transport-Security "includeSubDomains" always;'},
    "address appended": {
        "forwarded": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        " proxy_set_header X-Forwarded-Proto $scheme;"
    },
    "address of the server": {
        "forwarded": "proxy_set_header X-Forwarded-For $server_addr;"
        " proxy_set_header X-Forwarded-Proto $scheme;"
    },
    "headers passed on": {"forwarded": ""},
    "headers removed": {
        "forwarded": 'proxy_set_header X-Forwarded-For ""; proxy_set_header X-Forwarded-Proto "";'
    },
    "one server": {"upstream": "app_one"},
    "random": {"upstream": "app_random"},
    "no server": {"upstream": "app_none", "sticky": "app_none"},
    "not sticky": {"sticky": "app_random"},
    "redirect to http": {"redirect": "return 301 http://$host$request_uri;"},
    "no redirect": {"redirect": "return 200;"},
    "expired": {"certificate": "expired"},
    "wrong name": {"certificate": "wrong-name"},
    "no intermediate": {"certificate": "no-intermediate"},
}
UPSTREAMS = """
upstream app {{ zone app 64k; least_conn; {all} keepalive 8; }}
upstream app_random {{ zone app_random 64k; random two least_conn; {all} keepalive 8; }}
upstream app_sticky {{ zone app_sticky 64k; hash $cookie_sid consistent; {all} keepalive 8; }}
upstream app_one {{ {one} }}
upstream app_none {{ server {host}:{dead}; }}
proxy_http_version 1.1;
"""

HAPROXY = {
    "hsts": f'http-after-response set-header Strict-Transport-Security "{HSTS}"',
    "forwarded": "http-request set-header X-Forwarded-For %[src]\n"
    " http-request set-header X-Forwarded-Proto https",
    "cookie": 'cookie SRV insert indirect nocache httponly secure attr "SameSite=Lax" maxidle 30m maxlife 8h',
    "redirect": "http-request redirect scheme https code 308",
}
HAPROXY_BROKEN: dict[str, dict[str, str]] = {
    "good": {},
    "hsts nowhere": {"hsts": ""},
    "address appended": {"forwarded": "option forwardfor\n http-request set-header X-Forwarded-Proto https"},
    "cookie bare": {"cookie": "cookie SRV insert indirect nocache"},
    "cookie dynamic": {
        "cookie": 'cookie SRV insert indirect nocache httponly secure attr "SameSite=Lax" dynamic'
        "\n dynamic-cookie-key secret"
    },
    "no cookie": {"cookie": ""},
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http")


@pytest.fixture(scope="module")
def certificates(directory: Path) -> Path:
    good = ca.authority(directory)
    chains = {
        "good": ca.issue(good, SITE, 90),
        "expired": ca.issue(good, SITE, -3),
        "wrong-name": ca.issue(good, "other.lab.test", 90),
        "no-intermediate": ca.issue(good, SITE, 90, intermediate=False),
        "strange": ca.issue(ca.authority(directory / "strange"), SITE, 90),
    }
    for name, issued in chains.items():
        files.place_certificate(directory / f"{name}.pem", issued)
        files.place_certificate(directory / f"{name}-combined.pem", issued, combined=True)
    return directory


@pytest.fixture(scope="module")
def apps(directory: Path) -> Iterator[list[int]]:
    with servers.applications(directory, {}, {}, {}) as ports:
        yield ports


@pytest.fixture(scope="module")
def nginx(directory: Path, certificates: Path, apps: list[int]) -> Iterator[Mapping[str, LoadBalancer]]:
    """An Nginx that is a load balancer of each kind on ports of its own, as targets by kind."""
    lines = [f"server {HOST}:{port};" for port in apps]
    text = UPSTREAMS.format(all=" ".join(lines), one=lines[0], host=HOST, dead=servers.free_port())
    targets = {}
    for kind, fault in NGINX_BROKEN.items():
        how = {**NGINX, **fault}
        targets[kind] = servers.nginx_target(
            servers.free_port(),
            servers.free_port(),
            trust=certificates / "ca.pem",
            certificate=f"{certificates}/{how['certificate']}.pem",
        )
        text += _nginx_server(targets[kind], how)
    with servers.nginx(directory, ports=[targets["good"].https], http=text):
        yield targets


def _nginx_server(target: LoadBalancer, how: Mapping[str, str]) -> str:
    return (
        f"server {{ listen {HOST}:{target.http}; {how['redirect']} }}\n"
        f"server {{ listen {HOST}:{target.https} ssl; server_name {SITE}; {how['hsts']} {how['forwarded']}"
        f" ssl_certificate {target.certificate};"
        f" ssl_certificate_key {target.certificate.replace('.pem', '.key')};"
        f" location / {{ proxy_pass http://{how['upstream']}; }}"
        f" location /sticky/ {{ proxy_pass http://{how['sticky']}/; }} }}\n"
    )


@pytest.fixture(scope="module")
def haproxy(directory: Path, certificates: Path, apps: list[int]) -> Iterator[Mapping[str, LoadBalancer]]:
    """An HAProxy that is a load balancer of each kind on ports of its own, as targets by kind."""
    certificate = certificates / "good-combined.pem"
    text = "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n"
    targets = {}
    for number, (kind, fault) in enumerate(HAPROXY_BROKEN.items()):
        how = {**HAPROXY, **fault}
        targets[kind] = servers.haproxy_target(
            servers.free_port(),
            servers.free_port(),
            trust=certificates / "ca.pem",
            certificate=str(certificate),
        )
        lines = [f"server app-{each} {HOST}:{port} cookie app-{each}" for each, port in enumerate(apps, 1)]
        alike = "\n ".join(lines if "dynamic" not in how["cookie"] else [line[:-13] for line in lines])
        text += f"""
frontend plain{number}
 bind {HOST}:{targets[kind].http}
 {how["redirect"]}
frontend web{number}
 bind {HOST}:{targets[kind].https} ssl crt {certificate}
 {how["hsts"]}
 {how["forwarded"]}
 use_backend sticky{number} if {{ path_beg /sticky/ }}
 default_backend app{number}
backend app{number}
 balance roundrobin
 {alike}
backend sticky{number}
 balance roundrobin
 http-request replace-path /sticky/(.*) /\\1
 {how["cookie"]}
 {alike}
"""
    with servers.haproxy(directory, ports=[targets["good"].https], text=text):
        yield targets


def look(target: LoadBalancer, deadline: float = DEADLINE, apps: int = 3) -> Mapping[str, Any]:
    instances = {f"app_{number}": servers.app_target(1) for number in range(1, apps + 1)}
    return http.probe(servers.environment(lb=target, **instances), target, deadline)[1]


COMMON = {
    "redirect > status": 308,
    "redirect > scheme": "https",
    "hsts > 200": 63072000,
    "hsts > 404": 63072000,
    "hsts > error page": 63072000,
    "forwarded > client is": "the peer",
    "forwarded > proto": "https",
    "spread > instances": 3,
    "spread > errors": 0,
    "spread > requests": 12,
    "sticky > instances": 1,
}
WITH_COOKIE = {
    **COMMON,
    "sticky > cookie > name": "SRV",
    "sticky > cookie > secure": "yes",
    "sticky > cookie > httponly": "yes",
    "sticky > cookie > samesite": "Lax",
}


# ------------------------------------------------------------------------------------------ honest servers


def test_a_healthy_nginx_shows_everything_that_is_documented(nginx: Mapping[str, LoadBalancer]) -> None:
    target = nginx["good"]
    instances = {f"app_{number}": servers.app_target(1) for number in range(1, 4)}
    version, values = http.probe(servers.environment(lb=target, **instances), target, DEADLINE)
    assert {name: values[name] for name in COMMON} == COMMON
    assert values["redirect > location"] == f"https://{SITE}/whoami"
    assert values["server header"] == f"nginx/{version}"


def test_a_healthy_haproxy_shows_everything_that_is_documented(haproxy: Mapping[str, LoadBalancer]) -> None:
    values = look(haproxy["good"])
    assert {name: values[name] for name in WITH_COOKIE} == WITH_COOKIE
    assert values["sticky > cookie > value"].startswith("app-")
    assert values["server header"] == "none"


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("hsts not on errors", {"hsts > 404": None, "hsts > error page": None}),
        ("hsts nowhere", {"hsts > 200": None, "hsts > 404": None, "hsts > error page": None}),
        ("hsts without a number", {"hsts > 200": None, "hsts > 404": None, "hsts > error page": None}),
        ("address appended", {"forwarded > client is": "the forged address first"}),
        ("address of the server", {"forwarded > client is": "another address"}),
        ("headers passed on", {"forwarded > client is": "the forged address", "forwarded > proto": "http"}),
        ("headers removed", {"forwarded > client is": "not told", "forwarded > proto": None}),
        ("one server", {"spread > instances": 1}),
        ("redirect to http", {"redirect > status": 301, "redirect > scheme": "http"}),
        ("no redirect", {"redirect > status": 200, "redirect > scheme": None}),
        ("random", {}),
        ("expired", {}),
        ("wrong name", {}),
        ("no intermediate", {}),
    ],
)
def test_a_fault_of_nginx_changes_nothing_but_what_it_is_about(
    nginx: Mapping[str, LoadBalancer], kind: str, seen: Mapping[str, Any]
) -> None:
    values = look(nginx[kind])
    beside = {"spread > requests"}
    assert {name: values[name] for name in differences(COMMON, values) & {*COMMON} - beside} == seen


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("hsts nowhere", {"hsts > 200": None, "hsts > 404": None, "hsts > error page": None}),
        # as a second header of that name, of which the application reads the first
        ("address appended", {"forwarded > client is": "the forged address"}),
        (
            "cookie bare",
            {
                "sticky > cookie > secure": "no",
                "sticky > cookie > httponly": "no",
                "sticky > cookie > samesite": None,
            },
        ),
    ],
)
def test_a_fault_of_haproxy_changes_nothing_but_what_it_is_about(
    haproxy: Mapping[str, LoadBalancer], kind: str, seen: Mapping[str, Any]
) -> None:
    values = look(haproxy[kind])
    assert {name: values[name] for name in differences(WITH_COOKIE, values) & {*WITH_COOKIE}} == seen


def test_a_cookie_made_from_the_address_is_seen(haproxy: Mapping[str, LoadBalancer]) -> None:
    values = look(haproxy["cookie dynamic"])
    assert not values["sticky > cookie > value"].startswith("app-")
    assert values["sticky > instances"] == 1


def test_a_cookie_that_is_not_set_is_seen_in_each_of_its_settings(
    haproxy: Mapping[str, LoadBalancer],
) -> None:
    values = look(haproxy["no cookie"])
    assert {value for name, value in values.items() if name.startswith("sticky > cookie")} == {None}
    assert values["sticky > instances"] == 3


def test_a_session_that_wanders_is_seen(nginx: Mapping[str, LoadBalancer]) -> None:
    assert look(nginx["not sticky"])["sticky > instances"] > 1


def test_a_random_choice_gets_as_many_requests_as_it_takes(nginx: Mapping[str, LoadBalancer]) -> None:
    values = look(nginx["random"])
    assert values["spread > instances"] == 3
    assert 12 <= values["spread > requests"] <= 36


def test_a_server_that_never_answers_is_waited_for_with_a_bounded_number_of_requests(
    nginx: Mapping[str, LoadBalancer],
) -> None:
    values = look(nginx["good"], apps=4)
    assert (values["spread > instances"], values["spread > requests"]) == (3, 48)


def test_a_load_balancer_without_servers_answers_and_its_errors_are_counted(
    nginx: Mapping[str, LoadBalancer],
) -> None:
    values = look(nginx["no server"])
    assert (values["spread > instances"], values["spread > errors"], values["spread > requests"]) == (
        0,
        12,
        12,
    )
    assert values["forwarded > client is"] is None
    assert values["sticky > instances"] == 0
    assert values["hsts > error page"] == 63072000


def test_a_healthy_spread_reaches_every_server_every_time(nginx: Mapping[str, LoadBalancer]) -> None:
    seen = [look(nginx["good"])["spread > instances"] for _ in range(10)]
    assert seen == [3] * 10


# --------------------------------------------------------------------- servers that cannot be recognized


def failure(target: LoadBalancer, deadline: float = DEADLINE) -> CannotObserve:
    with pytest.raises(CannotObserve) as caught:
        look(target, deadline)
    return caught.value


def test_a_stranger_is_not_looked_at(nginx: Mapping[str, LoadBalancer], certificates: Path) -> None:
    strange = {
        "trust": str(certificates / "strange/ca.pem"),
        "certificate": str(certificates / "strange.pem"),
    }
    found = failure(nginx["good"].model_copy(update=strange))
    assert isinstance(found, Unreachable)
    assert "not the one on the target's disk" in str(found)


def test_a_certificate_that_cannot_be_compared_is_not_taken_on_trust(
    nginx: Mapping[str, LoadBalancer],
) -> None:
    found = failure(nginx["expired"].model_copy(update={"certificate": "/nowhere.pem"}))
    assert isinstance(found, Unsupported)
    assert "certificate has expired" in str(found)


# ----------------------------------------------------------------------------- servers that do not answer


def test_a_closed_port_is_unreachable() -> None:
    found = failure(servers.nginx_target(servers.free_port(), servers.free_port()))
    assert isinstance(found, Unreachable)
    assert HOST in str(found)


def test_a_name_that_nobody_has_is_unreachable() -> None:
    target = servers.nginx_target().model_copy(update={"address": "no-such-host.invalid"})
    assert isinstance(failure(target), Unreachable)


def test_a_server_that_refuses_the_site_is_unreachable(nginx: Mapping[str, LoadBalancer]) -> None:
    with servers.liar(servers.saying(b"\x15\x03\x03\x00\x02\x02\x70")) as port:
        found = failure(nginx["good"].model_copy(update={"https": port}))
    assert isinstance(found, Unreachable)


@pytest.mark.quiet
@pytest.mark.parametrize("port", ["http", "https"])
@pytest.mark.parametrize(
    "talk",
    [
        servers.silent,
        servers.dripping(b"HTTP/1.1 200 OK\r\nX-A: "),
        servers.dripping(b"\x16\x03\x03\x40\x00\x02"),
    ],
    ids=["silent", "dripping HTTP", "dripping TLS"],
)
def test_a_server_that_does_not_come_to_an_end_ends_at_the_deadline(
    nginx: Mapping[str, LoadBalancer], talk: servers.Talk, port: str
) -> None:
    begun = time.monotonic()
    with servers.liar(talk) as where:
        found = failure(nginx["good"].model_copy(update={port: where}), 0.3)
    assert isinstance(found, Timeout | Malformed)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "talk",
    [
        servers.resetting,
        servers.saying(b""),
        servers.saying(b"SSH-2.0-OpenSSH_9.2\r\n"),
        servers.saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
        servers.saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 300_000),
    ],
    ids=["reset", "closed", "another protocol", "half a body", "no end"],
)
@pytest.mark.parametrize("port", ["http", "https"])
def test_what_is_no_answer_is_an_error_and_not_a_verdict(
    nginx: Mapping[str, LoadBalancer], talk: servers.Talk, port: str
) -> None:
    with servers.liar(talk) as where:
        found = failure(nginx["good"].model_copy(update={port: where}))
    assert isinstance(found, Malformed)


def test_an_answer_that_is_not_the_applications_is_no_verdict(
    directory: Path, certificates: Path, nginx: Mapping[str, LoadBalancer], tmp_path: Path
) -> None:
    target = nginx["good"].model_copy(update={"https": servers.free_port()})
    welcome = _nginx_server(
        target.model_copy(update={"http": servers.free_port()}), {**NGINX, "hsts": "return 200;"}
    )
    with servers.nginx(tmp_path, ports=[target.https], http=UPSTREAMS_OF_NOBODY + welcome):
        found = failure(target)
    assert isinstance(found, Malformed)
    assert "X-Instance" in str(found)


UPSTREAMS_OF_NOBODY = f"upstream app {{ server {HOST}:1; }} upstream app_sticky {{ server {HOST}:1; }}\n"
