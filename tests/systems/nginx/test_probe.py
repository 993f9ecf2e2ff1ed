"""What is observed of Nginx: its files as it understands them, its workers against these, its counters."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.nginx import probe as nginx
from scaling_guide.systems.nginx.probe import effective, tree
from scaling_guide.systems.nginx.target import NginxTarget
from tests.systems import documented, servers

SECONDS = 5.0
MAIN = "/etc/nginx/nginx.conf"


# -------------------------------------------------------------------------------- directives in effect


def in_effect(text: str, **files: str) -> Mapping[str, Any]:
    """The values of a main file and of files below its directory, `conf_d/a` standing for `conf.d/a.conf`."""
    paths = {f"/etc/nginx/{name.replace('_d__', '.d/')}.conf": content for name, content in files.items()}
    return effective(tree({MAIN: text, **paths}))


def test_a_location_has_what_its_server_and_http_set() -> None:
    values = in_effect("http { proxy_read_timeout 9s; server { server_name a; gzip on; location / { } } }")
    assert values["http > server a > location / > proxy_read_timeout"] == "9s"
    assert values["http > server a > location / > gzip"] == "on"


def test_the_innermost_value_is_the_one_in_effect() -> None:
    values = in_effect(
        "http { proxy_read_timeout 9s; server { server_name a; location / { proxy_read_timeout 8s; } } }"
    )
    assert values["http > server a > location / > proxy_read_timeout"] == "8s"
    assert values["http > server a > proxy_read_timeout"] == "9s"


@pytest.mark.parametrize("directive", ["proxy_set_header", "add_header"])
def test_one_inner_header_drops_all_outer_ones(directive: str) -> None:
    values = in_effect(
        f"http {{ {directive} A 1; {directive} B 2; server {{ server_name a;"
        f" location / {{ {directive} C 3; }} location /plain {{ }} }} }}"
    )
    assert f"http > server a > location / > {directive} A" not in values
    assert values[f"http > server a > location / > {directive} C"] == "3"
    assert values[f"http > server a > location /plain > {directive} B"] == "2"


def test_allow_and_deny_are_one_list() -> None:
    values = in_effect("http { deny all; server { server_name a; location / { allow 10.0.0.1; } } }")
    assert "http > server a > location / > deny" not in values


def test_what_a_level_does_with_a_request_is_not_handed_down() -> None:
    values = in_effect(
        "http { server { listen 80; server_name a; return 404; location / { proxy_pass http://b; location /c"
        " { } } } }"
    )
    inner = {name.rpartition(" > ")[2] for name in values if name.startswith("http > server a > location /")}
    assert inner == {"proxy_pass"}
    assert "http > server a > location / > location /c > proxy_pass" not in values


def test_an_upstream_does_not_have_the_clients_timeout() -> None:
    values = in_effect("http { keepalive_timeout 65s; upstream u { server 10.0.0.1:80; } }")
    assert "http > upstream u > keepalive_timeout" not in values


def test_definitions_stay_where_they_are() -> None:
    values = in_effect("http { log_format f '$status'; server { server_name a; location / { } } }")
    assert [name for name in values if "log_format" in name and "server" in name] == []


def test_an_unknown_directive_is_handed_down_like_a_known_one() -> None:
    values = in_effect("http { brotli_static on; server { server_name a; location / { } } }")
    assert values["http > server a > location / > brotli_static"] == "on"


def test_several_arguments_are_there_together_and_one_by_one() -> None:
    values = in_effect("http { upstream u { zone u 64k; server 10.0.0.1:80; } keepalive_timeout 65s 60s; }")
    assert values["http > upstream u > zone"] == "u 64k"
    assert values["http > upstream u > zone > 2"] == "64k"
    assert values["http > keepalive_timeout"] == "65s 60s"


def test_named_arguments_are_there_by_their_names() -> None:
    values = in_effect("http { upstream u { server 10.0.0.1:80 max_fails=3 backup; } }")
    assert values["http > upstream u > server 10.0.0.1:80 > max_fails"] == "3"


def test_arguments_without_an_order_are_a_list() -> None:
    assert in_effect("http { proxy_next_upstream error timeout; }")["http > proxy_next_upstream"] == [
        "error",
        "timeout",
    ]


def test_an_empty_argument_is_shown() -> None:
    assert in_effect('http { proxy_set_header Connection ""; }')["http > proxy_set_header Connection"] == '""'


def test_quotes_are_no_part_of_a_value() -> None:
    values = in_effect("""http { add_header A "max-age=1; 'x'" always; }""")
    assert values["http > add_header A > 1"] == "max-age=1; 'x'"


def test_a_server_that_says_nothing_of_its_parameters_has_the_defaults() -> None:
    values = in_effect("http { upstream u { server 10.0.0.1:80 max_conns=9; server 10.0.0.2:80; } }")
    assert values["http > upstream u > server 10.0.0.1:80 > max_conns"] == "9"
    assert values["http > upstream u > server 10.0.0.2:80 > max_conns"] == "0"
    assert values["http > upstream u > server 10.0.0.2:80 > fail_timeout"] == "10s"


def test_the_servers_of_an_upstream_are_those_that_are_not_down() -> None:
    values = in_effect(
        "http { upstream u { server 10.0.0.1; server 10.0.0.2:81 down; server unix:/s; server [::1]:82; } }"
    )
    assert values["http > upstream u > servers"] == ["10.0.0.1:80", "unix:/s", "[::1]:82"]


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("", "round_robin"),
        ("least_conn;", "least_conn"),
        ("random two least_conn;", "random two least_conn"),
        ("hash $cookie_sid consistent;", "hash $cookie_sid consistent"),
    ],
)
def test_an_upstream_has_a_method_also_where_none_is_written(written: str, method: str) -> None:
    values = in_effect(f"http {{ upstream u {{ {written} server 10.0.0.1:80; }} }}")
    assert values["http > upstream u > method"] == method


def test_a_log_format_has_variables() -> None:
    values = in_effect("http { log_format f escape=json '{\"a\":\"$request_time\",' '${status}}'; }")
    assert values["http > log_format f > variables"] == ["request_time", "status"]


def test_a_session_cache_has_a_size() -> None:
    values = in_effect("http { ssl_session_cache builtin:9 shared:tls:10m; }")
    assert values["http > ssl_session_cache > size"] == "10m"


def test_a_server_is_there_by_each_of_its_names_and_apart_from_the_one_without_tls() -> None:
    values = in_effect(
        "http { server { listen 80; server_name a b; return 308 x; }"
        " server { listen 443 ssl; server_name a; return 200; } server { listen 81; return 404; } }"
    )
    returned = {name: value for name, value in values.items() if name.endswith(" > return")}
    assert returned == {
        "http > server a > return": "308 x",
        "http > server b > return": "308 x",
        "http > server a ssl > return": "200",
        "http > server 81 > return": "404",
    }


def test_of_two_servers_with_one_name_neither_hides_the_other() -> None:
    values = in_effect(
        "http { server { listen 80; server_name a; gzip on; ssl_protocols TLSv1.2; proxy_buffering on; }"
        " server { listen 81; server_name a; gzip off; ssl_protocols TLSv1.3; proxy_buffering on; } }"
    )
    assert values["http > server a > gzip"] == ["on", "off"]
    # a list of alternatives, which no longer is a set of versions
    assert values["http > server a > ssl_protocols"] == ["TLSv1.2", "TLSv1.3"]
    assert values["http > server a > proxy_buffering"] == "on"


def test_included_files_stand_where_they_are_included() -> None:
    values = in_effect(
        "http { include /etc/nginx/base.conf; include conf.d/*.conf; }",
        base="gzip on;",
        conf_d__one="server { server_name a; include base.conf; }",
        conf_d__two="server { server_name b; }",
        other__three="server { server_name c; }",
    )
    assert values["http > gzip"] == "on"
    assert {name.split(" > ")[1] for name in values if "server_name" in name} == {"server a", "server b"}


def test_files_that_include_each_other_end_in_an_error() -> None:
    with pytest.raises(Malformed, match="include each other"):
        in_effect("include a.conf;", a="include a.conf;")


def test_a_file_that_cannot_be_parsed_is_no_empty_configuration() -> None:
    with pytest.raises(Malformed, match=r"/etc/nginx/nginx\.conf:1"):
        tree({MAIN: "http { server { } "})
    with pytest.raises(Malformed, match=r"nginx\.conf"):
        tree({MAIN: "http { server { } "}, accepted=False)


# ------------------------------------------------------------------------------------ files on a host


root = documented.root(documented.nginx_master, "nginx/nginx.pid")


def target(environment: Environment) -> NginxTarget:
    found = environment.targets["nginx"]
    assert isinstance(found, NginxTarget)
    return found


@pytest.mark.parametrize("tier", TIERS)
def test_every_documented_setting_is_found_in_the_documented_files(root: Path, tier: TierName) -> None:
    assert documented.unmet(root, tier, "nginx", "nginx_config", nginx.config) == {}


def test_a_person_finds_every_documented_setting_by_hand(root: Path) -> None:
    environment = documented.environment(root)
    documented.write(root, target(environment))
    assert documented.failing_by_hand(root, environment, target(environment), "nginx_config") == ""


@pytest.fixture
def scratch(root: Path, tmp_path: Path) -> tuple[Environment, NginxTarget, Path]:
    """A target whose main file is `tmp_path / "nginx.conf"`, not yet written."""
    environment = documented.environment(root)
    place = {
        "config": f"{tmp_path}/nginx.conf",
        "directory": str(tmp_path),
        "pid_file": f"{tmp_path}/nginx.pid",
    }
    shutil.copy(target(environment).pid_file, tmp_path / "nginx.pid")
    return environment, target(environment).model_copy(update=place), tmp_path


Scratch = tuple[Environment, NginxTarget, Path]


def test_files_that_nginx_refuses_are_read_all_the_same(scratch: Scratch) -> None:
    environment, broken, path = scratch
    (path / "sites").mkdir()
    (path / "nginx.conf").write_text(
        "events { }\nhttp {\n no_such_directive on;\n proxy_read_timeout 9s;\n include sites/*.conf;\n}\n"
    )
    (path / "sites" / "a.conf").write_text("server { server_name a; location / { } }")
    _, values = nginx.config(environment, broken, SECONDS)
    assert values["http > server a > location / > proxy_read_timeout"] == "9s"


def test_the_files_of_a_server_that_does_not_run_are_unreachable(scratch: Scratch) -> None:
    environment, dead, path = scratch
    (path / "nginx.conf").write_text("events { }")
    with pytest.raises(Unreachable, match="no Nginx master runs"):
        nginx.config(environment, dead.model_copy(update={"pid_file": f"{path}/none.pid"}), SECONDS)


def test_files_that_cannot_be_read_are_unreachable(scratch: Scratch) -> None:
    environment, missing, _ = scratch
    with pytest.raises(Unreachable, match="No such file"):
        nginx.config(environment, missing, SECONDS)


def test_an_empty_file_is_malformed(scratch: Scratch) -> None:
    environment, empty, path = scratch
    (path / "nginx.conf").write_text("")
    with pytest.raises(Malformed, match="empty"):
        nginx.config(environment, empty, SECONDS)


def test_a_host_without_nginx_is_unreachable(scratch: Scratch) -> None:
    environment, missing, path = scratch
    (path / "nginx.conf").write_text("events { }")
    with pytest.raises(Unreachable, match="no `no-such-nginx`"):
        nginx.config(environment, missing.model_copy(update={"binary": "no-such-nginx"}), SECONDS)


def test_something_else_under_the_name_of_nginx_is_malformed(scratch: Scratch) -> None:
    environment, other, path = scratch
    (path / "nginx.conf").write_text("events { }")
    with pytest.raises(Malformed, match="no version"):
        nginx.config(environment, other.model_copy(update={"binary": "true"}), SECONDS)


def test_a_binary_that_hangs_is_a_timeout(scratch: Scratch) -> None:
    environment, hanging, path = scratch
    (path / "hang").write_text("#!/bin/sh\nsleep 60\n")
    (path / "hang").chmod(0o755)
    with pytest.raises(Timeout):
        nginx.config(environment, hanging.model_copy(update={"binary": f"{path}/hang"}), 0.3)


# ----------------------------------------------------------------------------------- a running server


class Running:
    """The documented Nginx."""

    def __init__(self, root: Path) -> None:
        self.environment = documented.environment(root)
        self.target = target(self.environment)
        documented.write(root, self.target)
        self.config = Path(self.target.config)
        self.text = self.config.read_text()
        options = ("-p", f"{self.target.directory}/", "-c", self.target.config, "-e", "stderr")
        self.master = subprocess.Popen(
            ("nginx", *options, "-g", "daemon off;"), stderr=(root / "logs" / "stderr").open("w")
        )

    def look(self) -> Mapping[str, Any]:
        return nginx.process(self.environment, self.target, SECONDS)[1]

    def reload(self) -> None:
        """Send HUP and return when only workers serve that started later, a tenth of a second ago."""
        before = self.serving()
        self.master.send_signal(signal.SIGHUP)
        self.until(lambda: bool(self.serving()) and not self.serving() & before)

    def serving(self) -> set[str]:
        titles = subprocess.run(
            ("ps", "-o", "pid=,args=", "--ppid", str(self.master.pid)), capture_output=True, text=True
        )
        return {line.split()[0] for line in titles.stdout.splitlines() if line.endswith("worker process")}

    def until(self, ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            try:
                if ready():
                    return
            except CannotObserve:
                pass
            time.sleep(0.01)
        raise TimeoutError

    def stop(self) -> None:
        self.master.terminate()
        self.master.wait(SECONDS)


@pytest.fixture(scope="module")
def _server() -> Iterator[Running]:
    with documented.directory() as root:
        running = Running(root)
        try:
            running.until(lambda: running.look()["workers > count"] > 0)
            yield running
        finally:
            running.stop()


@pytest.fixture
def server(_server: Running) -> Iterator[Running]:
    """The server with its documented files, which it gets back afterwards."""
    yield _server
    if _server.config.read_text() != _server.text or _server.look()["workers > older than disk"] == "yes":
        _server.config.write_text(_server.text)
        _server.reload()


def test_a_healthy_server_runs_by_its_files(server: Running) -> None:
    values = server.look()
    assert values["test > result"] == "ok"
    assert "test is successful" in values["test > message"]
    assert values["workers > older than disk"] == "no"
    assert values["workers > count"] == os.cpu_count()
    assert values["workers > per core"] == 1
    assert values["workers > shutting down too long"] == 0
    assert re.search(rf"worker_rlimit_nofile {values['limits > open files']};", server.text)


def test_files_changed_and_not_loaded_are_seen_at_once_and_a_reload_as_well(server: Running) -> None:
    for _ in range(3):
        server.config.write_text(server.text)
        server.until(lambda: server.look()["workers > older than disk"] == "yes")
        server.reload()
        assert server.look()["workers > older than disk"] == "no"


def test_an_included_file_that_changed_counts(server: Running) -> None:
    part = Path(server.target.directory) / "part.conf"
    part.write_text("# nothing\n")
    server.config.write_text(server.text.replace("http {", f"http {{\ninclude {part};", 1))
    server.reload()
    assert server.look()["workers > older than disk"] == "no"
    part.write_text("# still nothing\n")
    server.until(lambda: server.look()["workers > older than disk"] == "yes")


def test_a_refused_file_is_reported_with_the_reason_and_the_workers_are_still_observed(
    server: Running,
) -> None:
    server.config.write_text(server.text.replace("events {", "evnts {"))
    values = server.look()
    assert values["test > result"].startswith('[emerg] unknown directive "***" in /')
    assert values["workers > count"] == os.cpu_count()
    assert values["workers > older than disk"] == "yes"


def test_a_file_without_its_last_brace_is_refused_and_not_malformed(server: Running) -> None:
    server.config.write_text(server.text.rstrip().removesuffix("}"))
    assert "unexpected end of file" in server.look()["test > result"]


def test_too_few_workers_show_as_a_part_of_the_cores(server: Running) -> None:
    server.config.write_text(server.text.replace("worker_processes auto", f"worker_processes {2 * _cores()}"))
    server.reload()
    assert server.look()["workers > per core"] == 2


def _cores() -> int:
    return os.cpu_count() or 1


@contextmanager
def _held(server: Running) -> Iterator[None]:
    """An unfinished request, which its worker may not drop before `worker_shutdown_timeout`."""
    with socket.create_connection((server.target.address, server.target.http), timeout=SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        yield


def test_an_old_worker_that_does_not_go_is_counted_once_its_patience_is_over(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.until(lambda: server.look()["workers > shutting down too long"] == 0)
    with _held(server):
        server.config.write_text(server.text)
        server.reload()
        assert server.look()["workers > shutting down too long"] == 0
        server.config.write_text(re.sub("worker_shutdown_timeout .*;", "", server.text))
        monkeypatch.setattr(nginx, "SHUTDOWN_GRACE", 0.0)
        assert server.look()["workers > shutting down too long"] == 1


def test_a_check_by_hand_shows_the_workers_and_the_files(server: Running) -> None:
    command = by_hand("nginx_process", server.environment, server.target, "workers > older than disk")
    shown = subprocess.run(command, shell=True, capture_output=True, text=True).stdout
    assert server.target.config in shown
    assert shown.count("nginx: worker process") == os.cpu_count()


def test_counters_come_from_stub_status(server: Running) -> None:
    version, values = nginx.status(server.environment, server.target, SECONDS)
    assert version == ""
    assert values["connections > dropped"] == 0
    assert values["connections > accepts"] == values["connections > handled"] >= 1
    assert values["requests"] >= 1


# ------------------------------------------------------------------------------------- no server, or a liar


def test_without_a_pid_file_there_is_no_server(scratch: Scratch) -> None:
    environment, stopped, path = scratch
    (path / "nginx.conf").write_text("events { }")
    (path / "nginx.pid").unlink()
    with pytest.raises(Unreachable, match=r"no Nginx master runs by the pid file .*nginx\.pid"):
        nginx.process(environment, stopped, SECONDS)


@pytest.mark.parametrize("look", [nginx.config, nginx.process])
@pytest.mark.parametrize("pid", ["999999999", "", None])
def test_where_none_runs_the_binary_is_not_asked_since_it_listens_while_it_tests(
    scratch: Scratch, pid: str | None, look: Callable[..., Any]
) -> None:
    environment, stopped, path = scratch
    (path / "nginx.conf").write_text("events { }")
    binary = path / "nginx"
    binary.write_text(f'#!/bin/sh\necho "$@" >> {path}/asked\necho nginx version: nginx/1.22.1\n')
    binary.chmod(0o700)
    (path / "nginx.pid").unlink()
    if pid is not None:
        (path / "nginx.pid").write_text(f"{pid}\n")
    with pytest.raises(Unreachable):
        look(environment, stopped.model_copy(update={"binary": str(binary)}), SECONDS)
    assert (path / "asked").read_text().splitlines() == ["-v"]


@pytest.mark.parametrize(
    "pid", [str(os.getpid()), "999999999", "", "word"], ids=["python", "none", "empty", "word"]
)
def test_a_pid_file_that_names_another_process_is_no_server(scratch: Scratch, pid: str) -> None:
    environment, stopped, path = scratch
    (path / "nginx.conf").write_text("events { }")
    (path / "nginx.pid").write_text(f"{pid}\n")
    with pytest.raises(Unreachable, match="no Nginx master"):
        nginx.process(environment, stopped, SECONDS)


def test_a_test_that_fails_for_the_checkers_own_rights_is_not_drift(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "id").write_text("#!/bin/sh\necho 4242\n")
    (tmp_path / "nginx").write_text(
        "#!/bin/sh\ncase $* in -v) echo nginx/1.22.1; exit ;; esac\n"
        "echo 'nginx: [emerg] cannot load key: BIO_new_file() failed (13: Permission denied)' >&2; exit 1\n"
    )
    for name in ("id", "nginx"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Unreachable, match=r"cannot load key.*sudo"):
        server.look()
    (tmp_path / "id").unlink()
    assert server.look()["test > result"].startswith("[emerg] cannot load key")


GOOD_PAGE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\n\r\nActive connections: 3 \n"
    b"server accepts handled requests\n 10 8 20 \nReading: 0 Writing: 1 Waiting: 2 \n"
)


def _status(talk: servers.Talk, seconds: float = SECONDS) -> tuple[str, Mapping[str, Any]]:
    with servers.liar(talk) as port:
        environment = servers.environment(nginx=servers.nginx_target().model_copy(update={"status": port}))
        return nginx.status(environment, target(environment), seconds)


def test_connections_that_were_accepted_and_not_handled_were_dropped() -> None:
    version, values = _status(servers.saying(GOOD_PAGE))
    assert version == "1.22.1"
    assert values["connections > dropped"] == 2


@pytest.mark.parametrize(
    ("talk", "kind", "message"),
    [
        (servers.silent, Timeout, "deadline"),
        (servers.dripping(GOOD_PAGE[:60]), Timeout, "deadline"),
        (servers.resetting, Malformed, "not HTTP"),
        (servers.saying(b""), Malformed, "not HTTP"),
        (servers.saying(b"SSH-2.0-OpenSSH_9.2\r\n"), Malformed, "not HTTP"),
        (servers.saying(GOOD_PAGE[:-20]), Malformed, "not the whole"),
        (servers.saying(b"HTTP/1.1 200 OK\r\n\r\nWelcome"), Malformed, "not the whole"),
        (servers.saying(b"HTTP/1.1 404 Not Found\r\n\r\n"), Unsupported, "serve `stub_status`"),
        (servers.saying(b"HTTP/1.1 403 Forbidden\r\n\r\n"), Unreachable, "allow this client"),
    ],
)
def test_a_page_that_is_no_status_page_says_nothing_of_the_counters(
    talk: servers.Talk, kind: type[CannotObserve], message: str
) -> None:
    with pytest.raises(kind, match=message):
        _status(talk, 0.4)


def test_a_port_that_nobody_listens_on_is_unreachable() -> None:
    environment = servers.environment(nginx=servers.nginx_target())
    with pytest.raises(Unreachable, match="refused"):
        nginx.status(environment, target(environment), SECONDS)
