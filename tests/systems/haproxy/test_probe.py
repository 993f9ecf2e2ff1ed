"""What is observed of HAProxy: its file with everything that is inherited, and its running process."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.systems.haproxy import probe as haproxy
from scaling_guide.systems.haproxy.probe import effective
from scaling_guide.systems.haproxy.target import HaproxyTarget
from tests.systems import documented

SECONDS = 5.0


# -------------------------------------------------------------------------------------- settings in effect


def of_server(parameters: str, before: str = "") -> Mapping[str, str]:
    """The settings of a server with these parameters, by their last names."""
    values = effective(f"{before}\nbackend b\n  server s 10.0.0.1:80 {parameters}\n")
    prefix = "backend b > server s > "
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def test_a_proxy_has_what_its_defaults_set_and_it_does_not() -> None:
    values = effective(
        "defaults\n  retries 2\n  timeout connect 2s\nbackend b\n  retries 3\n"
        "defaults\n  retries 5\nlisten l\n"
    )
    assert values["backend b > retries"] == "3"
    assert values["backend b > timeout connect"] == "2s"
    assert values["listen l > retries"] == "5"
    assert "listen l > timeout connect" not in values


def test_a_proxy_can_choose_its_defaults_and_these_can_have_defaults() -> None:
    values = effective(
        "defaults one\n  retries 1\n  maxconn 9\ndefaults two from one\n  retries 2\ndefaults\n  retries 3\n"
        "frontend f from two\n"
    )
    assert values["frontend f > retries"] == "2"
    assert values["frontend f > maxconn"] == "9"


def test_the_last_of_two_lines_counts_and_rules_add_up() -> None:
    values = effective("backend b\n  retries 2\n  retries 3\n  use_backend x if a\n  use_backend x if b\n")
    assert values["backend b > retries"] == "3"
    assert values["backend b > use_backend x"] == ["if a", "if b"]


def test_a_bare_number_is_milliseconds_where_haproxy_takes_it_for_that() -> None:
    values = effective(
        "global\n  hard-stop-after 30000\n  tune.ssl.lifetime 300\ndefaults\n  timeout client 5\n"
    )
    assert values["global > hard-stop-after"] == "30000ms"
    assert values["global > tune.ssl.lifetime"] == "300"
    assert values["defaults > timeout client"] == "5ms"
    assert of_server("inter 500 rise 2")["inter"] == "500ms"
    assert of_server("inter 500 rise 2")["rise"] == "2"


def test_an_option_is_on_or_has_a_value_or_is_taken_back() -> None:
    values = effective(
        "defaults\n  option redispatch 1\n  option httplog\nbackend b\n  no option redispatch\n"
    )
    assert values["defaults > option redispatch"] == "1"
    assert values["backend b > option httplog"] == "on"
    assert values["backend b > option redispatch"] == "off"


def test_a_server_has_what_default_server_lines_set_one_after_the_other() -> None:
    before = "defaults\n  default-server inter 1s fall 5 check\nbackend a\n  default-server fall 9\n"
    server = of_server("rise 4", before)
    assert (server["inter"], server["fall"], server["rise"], server["check"]) == ("1s", "5", "4", "on")
    assert of_server("no-check", before)["check"] == "off"


def test_a_server_that_says_nothing_has_what_haproxy_assumes() -> None:
    server = of_server("")
    assert (server["weight"], server["maxconn"], server["check"], server["fall"]) == ("1", "0", "off", "3")
    assert of_server("inter 7s")["fastinter"] == "7s"
    assert of_server("inter 7s fastinter 1s")["downinter"] == "7s"


def test_a_flag_of_a_server_does_not_swallow_the_next_parameter() -> None:
    server = of_server("check backup send-proxy-v2 ssl verify none weight 5")
    assert (server["backup"], server["ssl"], server["verify"], server["weight"]) == ("on", "on", "none", "5")


def test_a_socket_is_known_by_its_file_name_and_has_a_level() -> None:
    values = effective(
        "global\n  stats socket /run/a.sock mode 660 level admin\n  stats socket /run/b.sock\n"
    )
    assert values["global > stats socket a.sock > mode"] == "660"
    assert values["global > stats socket a.sock > level"] == "admin"
    assert values["global > stats socket b.sock > level"] == "operator"


def test_a_cookie_has_flags_and_values() -> None:
    values = effective('backend b\n  cookie SRV insert secure attr "SameSite=Lax" maxidle 30m\n')
    assert values["backend b > cookie"] == "SRV"
    assert values["backend b > cookie > flags"] == ["insert", "secure"]
    assert values["backend b > cookie > attr"] == "SameSite=Lax"
    assert values["backend b > cookie > maxidle"] == "30m"


def test_a_check_has_what_it_sends_and_what_it_expects() -> None:
    values = effective(
        "backend b\n  http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host a.test\n"
        "  http-check expect status 200\nbackend c\n  http-check expect ! rstatus ^5\n"
    )
    assert values["backend b > http-check send > uri"] == "/readyz"
    assert values["backend b > http-check send > hdr Host"] == "a.test"
    assert values["backend b > http-check expect status"] == "200"
    assert values["backend c > http-check expect rstatus"] == "! ^5"


@pytest.mark.parametrize(
    "text", ["monitor fail if { nbsrv(app) lt 2 }", "acl few nbsrv(app) lt 2\n  monitor fail if few"]
)
def test_the_tests_of_a_condition_are_there_also_under_a_name(text: str) -> None:
    assert effective(f"frontend f\n  {text}\n")["frontend f > monitor fail > nbsrv(app) lt"] == "2"


@pytest.mark.parametrize(
    ("rule", "value"),
    [("disable-l7-retry if METH_POST", "METH_POST"), ("disable-l7-retry unless METH_GET", "unless METH_GET"),
     ("disable-l7-retry", "always")],
)  # fmt: skip
def test_a_rule_without_arguments_is_its_condition(rule: str, value: str) -> None:
    assert (
        effective(f"frontend f\n  http-request {rule}\n")["frontend f > http-request disable-l7-retry"]
        == value
    )


def test_a_rule_with_arguments_has_its_condition_beside_them() -> None:
    values = effective("frontend f\n  http-request set-header X-A %[src] if { ssl_fc }\n")
    assert values["frontend f > http-request set-header X-A"] == "%[src]"
    assert values["frontend f > http-request set-header X-A > if"] == "{ ssl_fc }"


def test_comments_and_quotes_are_no_part_of_a_value() -> None:
    values = effective('# global\nglobal # it\'s here\n  description "a # b" # c\n')
    assert values["global > description"] == "a # b"


def test_a_line_that_is_not_closed_does_not_hide_the_rest() -> None:
    assert effective('global\n  description "a\n  maxconn 9\n')["global > maxconn"] == "9"


def test_a_file_with_conditional_lines_is_not_guessed_at() -> None:
    with pytest.raises(Unsupported, match=r"\.if"):
        effective("global\n.if defined(BIG)\n  maxconn 9\n.endif\n")


# ------------------------------------------------------------------------------------- the file on a host


root = documented.root(documented.haproxy_master, "haproxy/master.sock")


def target(environment: Environment) -> HaproxyTarget:
    found = environment.targets["haproxy"]
    assert isinstance(found, HaproxyTarget)
    return found


@pytest.mark.parametrize("tier", TIERS)
def test_every_documented_setting_is_found_in_the_documented_file(root: Path, tier: TierName) -> None:
    assert documented.unmet(root, tier, "haproxy", "haproxy_config", haproxy.config) == {}


def test_a_person_finds_every_documented_setting_by_hand(root: Path) -> None:
    environment = documented.environment(root)
    documented.write(root, target(environment))
    assert documented.failing_by_hand(root, environment, target(environment), "haproxy_config") == ""


def _look_at(root: Path, text: str, **changes: str) -> Mapping[str, Any]:
    environment = documented.environment(root)
    file = root / "other.cfg"
    file.write_text(text)
    other = target(environment).model_copy(update={"config": str(file), **changes})
    return haproxy.config(environment, other, SECONDS)[1]


def test_a_refused_file_is_reported_with_the_reason_and_read_all_the_same(root: Path) -> None:
    values = _look_at(root, "global\n  nbthread many\n  maxconn 9\n")
    assert values["test > result"].startswith("[ALERT] config : parsing [")
    assert "a missing or unparsable integer value" in values["test > result"]
    assert values["global > maxconn"] == "9"
    assert values["test > result"] == _look_at(root, "global\n  nbthread many\n")["test > result"]


def test_the_file_of_a_process_that_does_not_run_is_unreachable(root: Path) -> None:
    with pytest.raises(Unreachable, match="none\\.sock"):
        _look_at(root, "global\n", master_socket=str(root / "none.sock"))


def test_a_file_that_would_start_nothing_is_not_valid(root: Path) -> None:
    assert "no listener" in _look_at(root, "global\n  maxconn 9\n")["test > result"]


def test_a_test_that_fails_for_the_checkers_own_rights_is_not_drift(root: Path) -> None:
    binary = root / "haproxy-denied"
    binary.write_text(
        "#!/bin/sh\ncase $* in -v) echo HAProxy version 2.6.12; exit ;; esac\n"
        "echo \"[ALERT]    (7) : config : unable to stat SSL certificate '/k' : Permission denied.\"\n"
        "exit 1\n"
    )
    binary.chmod(0o755)
    with pytest.raises(Unreachable, match=r"'/k' : Permission denied.*sudo"):
        _look_at(root, "global\n", binary=str(binary))


def test_a_host_without_the_file_or_the_binary_is_unreachable(root: Path) -> None:
    environment = documented.environment(root)
    with pytest.raises(Unreachable, match="no `no-such-haproxy`"):
        _look_at(root, "global\n", binary="no-such-haproxy")
    with pytest.raises(Unreachable, match="No such file"):
        haproxy.config(environment, target(environment).model_copy(update={"config": "/none"}), SECONDS)


# ------------------------------------------------------------------------------------- a running process

# the backend is HAProxy itself, so that its servers are healthy within a check
CONFIG = """
global
    stats socket {root}/operator.sock mode 660 level operator
    stats socket {root}/user.sock mode 660 level user
    stats socket {root}/admin.sock mode 600 level admin
    hard-stop-after 1s
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend self
    bind unix@{root}/self.sock
    http-request return status 200
backend app
    balance roundrobin
    option httpchk GET /
    default-server inter 50ms rise 1 weight 100 check
    server app-1 unix@{root}/self.sock
    server app-2 unix@{root}/self.sock
backend unchecked
    server app-3 unix@{root}/self.sock
"""


class Running:
    """HAProxy as a master with a worker."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = documented.environment(root)
        self.config = root / "haproxy.cfg"
        self.text = CONFIG.format(root=root)
        self.config.write_text(self.text)
        place = {name: f"{root}/{name.removesuffix('_socket')}.sock"
                 for name in ("operator_socket", "admin_socket", "master_socket")}  # fmt: skip
        self.target = target(self.environment).model_copy(update={"config": str(self.config), **place})
        options = ("-W", "-db", "-S", f"{root}/master.sock,mode,600", "-f", str(self.config))
        self.log = (root / "log").open("w")
        self.master = subprocess.Popen(("haproxy", *options), stdout=self.log, stderr=self.log)

    def look(self, **changes: str) -> Mapping[str, Any]:
        return haproxy.runtime(self.environment, self.target.model_copy(update=changes), SECONDS)[1]

    def reload(self, ready: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        """Send USR2 and return what is observed once `ready` says so of what was and what is.

        Not before the new worker is old enough for a file that is written then to be newer beyond doubt.
        """
        before, started = self.look(), time.monotonic()
        self.master.send_signal(signal.SIGUSR2)
        self.until(lambda: ready(before, self.look()) and time.monotonic() - started > 0.2)
        return self.look()

    def until(self, ready: Callable[[], bool]) -> None:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            with suppress(CannotObserve, KeyError):
                if ready():
                    return
            time.sleep(0.01)
        raise TimeoutError

    def command(self, text: str) -> None:
        """Say something to the admin socket, as an operator would."""
        subprocess.run(
            ("socat", "stdio", self.target.admin_socket),
            input=f"{text}\n",
            text=True,
            check=True,
            timeout=SECONDS,
        )

    def stop(self) -> None:
        self.master.terminate()
        self.master.wait(SECONDS)
        self.log.close()


def _another_worker(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return bool(before["info > Pid"] != now["info > Pid"] and now["stat > app > app-2 > check"] == "L7OK")


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with documented.directory() as root:
        running = Running(root)
        try:
            running.until(lambda: running.look()["stat > app > app-2 > status"] == "UP")
            yield running
        finally:
            running.stop()


def test_a_healthy_process_is_observed_on_both_of_its_sockets(server: Running) -> None:
    version, values = haproxy.runtime(server.environment, server.target, SECONDS)
    assert re.fullmatch(r"[0-9]+\.[0-9.]+", version)
    assert values["info > Stopping"] == "0"
    assert values["process > reloads"] >= 0
    assert values["process > failed reloads"] == 0
    assert values["worker > older than disk"] == "no"
    assert values["stat > app > BACKEND > algo"] == "roundrobin"
    assert values["stat > app > BACKEND > act"] == "2"
    assert values["stat > app > app-1 > status"] == "UP"
    assert values["stat > app > app-1 > check"] == "L7OK"
    assert values["state > app > app-1 > weight"] == values["state > app > app-1 > initial weight"] == 100
    assert values["state > app > app-1 > admin"] == 0


def test_servers_are_listed_and_a_backend_is_not_taken_for_one(server: Running) -> None:
    values = server.look()
    assert len(values["stat > app > servers"]) == 2
    assert "stat > app > BACKEND > status" not in values


def test_a_server_without_checks_is_seen_to_have_none(server: Running) -> None:
    assert server.look()["stat > unchecked > app-3 > check"] == "none"


def test_weights_and_states_set_on_the_command_line_are_seen(server: Running) -> None:
    server.command("set server app/app-1 weight 0; set server app/app-2 state drain")
    try:
        values = server.look()
        assert values["state > app > app-1 > weight"] == 0
        assert values["stat > app > app-1 > status"] == "UP"
        assert values["stat > app > app-2 > status"] == "DRAIN"
        assert values["state > app > app-2 > admin"] != 0
    finally:
        server.command("set server app/app-1 weight 100; set server app/app-2 state ready")


def test_a_file_changed_and_not_loaded_is_seen_at_once_and_a_reload_as_well(server: Running) -> None:
    reloads = server.look()["process > reloads"]
    for count in range(1, 3):
        server.config.write_text(server.text)
        server.until(lambda: server.look()["worker > older than disk"] == "yes")
        values = server.reload(_another_worker)
        assert values["worker > older than disk"] == "no"
        assert values["process > reloads"] == reloads + count


def test_a_failed_reload_is_counted_while_the_old_worker_serves(server: Running) -> None:
    worker = server.look()["info > Pid"]
    server.config.write_text(f"{server.text}nonsense\n")
    try:
        values = server.reload(lambda _, now: bool(now["process > failed reloads"]))
        assert values["process > failed reloads"] == 1
        assert values["info > Pid"] == worker
        assert values["worker > older than disk"] == "yes"
    finally:
        server.config.write_text(server.text)
        server.reload(_another_worker)


def test_a_socket_that_hides_columns_is_not_supported(server: Running) -> None:
    with pytest.raises(Unsupported, match=r"level user.*operator"):
        server.look(operator_socket=f"{server.root}/user.sock")


def test_nothing_but_show_is_ever_sent(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    ask = haproxy.ask

    def listening(host: str, questions: Mapping[str, Any], deadline: float) -> Any:
        sent.extend(question.text for question in questions.values() if not isinstance(question, str))
        return ask(host, questions, deadline)

    monkeypatch.setattr(haproxy, "ask", listening)
    server.look()
    commands = [command.strip() for text in sent for command in text.split(";")]
    assert len(commands) == 5
    assert all(command.startswith("show ") for command in commands)


def test_a_worker_that_the_host_does_not_have_is_unreachable(server: Running) -> None:
    with pytest.raises(Unreachable, match="cannot be seen"):
        server.look(binary="no-such-haproxy")


@pytest.mark.parametrize("name", ["operator_socket", "master_socket"])
def test_a_socket_that_is_missing_is_unreachable(server: Running, name: str) -> None:
    with pytest.raises(Unreachable, match="No such file or directory: is the server running"):
        server.look(**{name: f"{server.root}/none.sock"})


# ----------------------------------------------------------------------------------------- sockets that lie


@pytest.fixture
def answers(server: Running) -> Mapping[str, str]:
    """What HAProxy really says on its sockets."""
    return {
        "operator_socket": _say(
            server.target.operator_socket, "show cli level;show info;show stat;show servers state"
        ),
        "master_socket": _say(server.target.master_socket, "show proc"),
    }


def _say(path: str, text: str) -> str:
    socat = ("socat", "stdio", path)
    return subprocess.run(socat, input=f"{text}\n", text=True, check=True, capture_output=True).stdout


@pytest.fixture
def lie(server: Running) -> Iterator[Callable[[str, str | None], Mapping[str, str]]]:
    """Serves a text, or for ever nothing, on a socket; the value is what to look at instead."""
    listeners: list[socket.socket] = []

    def serve(name: str, text: str | None) -> Mapping[str, str]:
        path = server.root / f"lie{len(listeners)}"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listeners.append(listener)

        def answer() -> None:
            connection, _ = listener.accept()
            if text is not None:
                while connection.recv(100):
                    pass
                connection.sendall(text.encode())
                connection.close()
            else:
                listeners.append(connection)

        threading.Thread(target=answer, daemon=True).start()
        return {name: str(path)}

    yield serve
    for listener in listeners:
        listener.close()


Lie = Callable[[str, str | None], Mapping[str, str]]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("operator_socket", lambda text: ""),
        ("operator_socket", lambda text: "hello\n"),
        ("operator_socket", lambda text: text[: len(text) // 2]),
        ("operator_socket", lambda text: text[:-2]),
        ("operator_socket", lambda text: f"{text}more"),
        ("operator_socket", lambda text: text.split("\n\n")[0] + "\n\n"),
        ("operator_socket", lambda text: text.replace("Pid: ", "Pod: ")),
        ("operator_socket", lambda text: text.replace("app,BACKEND,", "app,")),
        ("operator_socket", lambda text: text.replace("\n1\n#", "\n2\n#")),
        ("operator_socket", lambda text: re.sub(r"(\n\d+ app 1 app-1 \S+) \d+", r"\1", text)),
        ("operator_socket", lambda text: re.sub(r"(?s)# pxname.*?\n\n", "\n\n", text)),
        ("operator_socket", lambda text: f"Unknown command, but maybe\n{text}"),
        ("master_socket", lambda text: ""),
        ("master_socket", lambda text: "Unknown command\n"),
        ("master_socket", lambda text: text.replace(" master ", " mister ")),
    ],
)
def test_half_an_answer_or_another_is_malformed(
    server: Running, answers: Mapping[str, str], lie: Lie, name: str, change: Callable[[str], str]
) -> None:
    text = change(answers[name])
    assert text != answers[name]
    with pytest.raises(Malformed):
        server.look(**lie(name, text))


@pytest.mark.parametrize("name", ["operator_socket", "master_socket"])
def test_a_socket_that_accepts_and_never_answers_is_a_timeout(server: Running, lie: Lie, name: str) -> None:
    other = server.target.model_copy(update=dict(lie(name, None)))
    started = time.monotonic()
    with pytest.raises(Timeout, match="deadline"):
        haproxy.runtime(server.environment, other, 0.3)
    assert time.monotonic() - started < 2.0


def test_a_check_in_flight_does_not_change_its_last_result(
    server: Running, answers: Mapping[str, str], lie: Lie
) -> None:
    text = answers["operator_socket"].replace(",L7OK,", ",* L7OK,")
    assert "* L7OK" in text
    assert server.look(**lie("operator_socket", text))["stat > app > app-1 > check"] == "L7OK"


def test_a_version_that_does_not_count_failed_reloads_is_not_supported(
    server: Running, answers: Mapping[str, str], lie: Lie
) -> None:
    text = re.sub(r" \[failed: \d+\]", "", answers["master_socket"])
    with pytest.raises(Unsupported, match="failed reloads"):
        server.look(**lie("master_socket", text))


def test_a_process_that_is_stopped_is_unreachable() -> None:
    with documented.directory() as root:
        environment = documented.environment(root)
        with pytest.raises(Unreachable, match=re.escape(f"{root}/haproxy/operator.sock: {os.strerror(2)}")):
            haproxy.runtime(environment, target(environment), SECONDS)
