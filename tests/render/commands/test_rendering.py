"""Commands of runbooks: rendered for any environment, right for real tools, and never green on nothing."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from scaling_guide.lab import ca
from scaling_guide.lab.files import place_certificate
from scaling_guide.model.environments import Environment, HaproxyTarget, NginxTarget
from scaling_guide.model.load import examine
from scaling_guide.model.record import System
from scaling_guide.model.runbooks import Safety, Step
from scaling_guide.render.commands import (
    Situation,
    phase_commands,
    render,
    render_step,
    situation,
    targets,
)
from scaling_guide.render.configs import render as config_files

DATA = Path(__file__).parents[3] / "data"
FOUND, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"})
assert FOUND is not None
GUIDE = FOUND
PHASES = ("preconditions", "mitigate", "verify", "roll_back")


def of(
    environment: str | Environment = "production", runbook: str = "drain-and-replace-backend"
) -> Situation:
    place = GUIDE.environments[environment] if isinstance(environment, str) else environment
    return situation(GUIDE, place, GUIDE.runbooks[runbook])


def step(run: str, system: System | tuple[System, ...] | None = None, **more: str) -> Step:
    return Step(do="Do it.", run=run, safety=Safety.REVERSIBLE, system=system, **more)


class Tools:
    """A directory of stand-ins for programs, and bash that finds them first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()

    def add(self, name: str, script: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, command: str) -> int:
        """The exit code of `command`."""
        environ = {**os.environ, "PATH": f"{self.directory}:{os.environ['PATH']}"}
        return subprocess.run(
            ["bash", "-c", command], env=environ, capture_output=True, timeout=20
        ).returncode


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path / "bin")


@pytest.fixture
def here(tmp_path: Path) -> Environment:
    """The example environment with its load balancers' files below `tmp_path`."""
    place = GUIDE.environments["production"]
    paths = {
        "config": f"{tmp_path}/config",
        "directory": str(tmp_path),
        "certificate": f"{tmp_path}/site.pem",
        "trust": f"{tmp_path}/ca/ca.pem",
        "address": "127.0.0.1",
        "https": 1,
    }
    nginx = next(target for target in place.targets.values() if isinstance(target, NginxTarget))
    haproxy = next(target for target in place.targets.values() if isinstance(target, HaproxyTarget))
    pid_file = {"pid_file": f"{tmp_path}/nginx.pid"}
    changed = {
        "nginx": nginx.model_copy(update={**paths, **pid_file}),
        "haproxy": haproxy.model_copy(update=paths),
    }
    (tmp_path / "nginx.pid").write_text("77\n")
    return place.model_copy(
        update={"targets": {**place.targets, nginx.id: changed["nginx"], haproxy.id: changed["haproxy"]}}
    )


Shell = Callable[[str, System], str]


@pytest.fixture
def shell(here: Environment) -> Shell:
    """Renders a template for the load balancer of a system in `here`."""
    return lambda template, system: render(template, of(here), here.of(system)[0])


# ---------------------------------------------------------------------------------------- every command


@pytest.mark.parametrize("runbook", GUIDE.runbooks)
@pytest.mark.parametrize("environment", GUIDE.environments)
def test_every_command_can_be_rendered_and_read_by_bash(environment: str, runbook: str) -> None:
    found = of(environment, runbook)
    commands = [command for phase in PHASES for command in phase_commands(found, phase)]
    texts = [text for command in commands for text in (command.run, command.wait) if text]
    texts += [render(look.run, found, at) for look in found.runbook.confirm for at in targets(look, found)]
    if found.runbook.rehearsal:
        before = found.runbook.rehearsal.before
        texts += [render_step(each, found, at).run for each in before for at in targets(each, found)]
    for text in texts:
        read = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
        assert read.returncode == 0, f"{read.stderr}\n{text}"
        assert "{{" not in text


@pytest.mark.parametrize("runbook", GUIDE.runbooks)
def test_read_only_commands_write_no_file_and_set_nothing(runbook: str) -> None:
    found = of("production", runbook)
    looks = [render(look.run, found, at) for look in found.runbook.confirm for at in targets(look, found)]
    steps = [command for phase in PHASES for command in phase_commands(found, phase)]
    looks += [command.run for command in steps if command.step.safety is Safety.READ_ONLY]
    looks += [command.wait for command in steps if command.wait]
    for text in looks:
        words = re.sub("> (/dev/null|[0-9])", "", text)
        assert not any(word in words for word in (" > ", "sed -i", "cp ", "mv ", "rm ", "set ", "admin.sock"))
        assert not re.search(
        )


# ------------------------------------------------------------------------------------------------ where


def test_a_step_comes_once_for_each_of_its_load_balancers() -> None:
    found = of("production")
    systems = (System.NGINX, System.HAPROXY)
    assert [at.id for at in targets(step("true", systems), found) if at] == [
        each.id for each in found.environment.of(*systems)
    ]


def test_a_step_at_the_application_comes_once_for_the_server_that_the_runbook_is_about() -> None:
    place = GUIDE.environments["production"]
    found = situation(GUIDE, place, GUIDE.runbooks["drain-and-replace-backend"], "app-2")
    assert [at.id for at in targets(step("true", System.APP), found) if at] == ["app-2"]


def test_a_step_without_a_system_comes_once() -> None:
    assert targets(step("true"), of()) == (None,)


def test_commands_come_in_the_order_of_the_steps() -> None:
    found = of()
    steps = [command.step for command in phase_commands(found, "mitigate")]
    assert steps == sorted(steps, key=found.runbook.mitigate.steps.index)


# ----------------------------------------------------------------------------------------- what is given


def test_parameters_take_the_example_that_the_documented_values_make() -> None:
    found = of("production", "raise-connection-limits")
    documented = GUIDE.facts["haproxy-server-maxconn"].value(found.environment.tier)
    assert found.parameters["server_requests"] == str(documented[1])


def test_what_is_given_takes_the_place_of_the_example() -> None:
    place = GUIDE.environments["production"]
    found = situation(GUIDE, place, GUIDE.runbooks["raise-connection-limits"], given={"server_requests": "7"})
    assert render("{{ server_requests }}", found) == "7"


@pytest.mark.parametrize("value", ["", "7; reboot", "$(reboot)", "a b", "'"])
def test_a_parameter_that_is_not_one_plain_word_is_refused(value: str) -> None:
    place = GUIDE.environments["production"]
    with pytest.raises(ValueError, match="not one plain word"):
        situation(GUIDE, place, GUIDE.runbooks["raise-connection-limits"], given={"server_requests": value})


def test_a_parameter_that_the_runbook_does_not_have_is_refused() -> None:
    with pytest.raises(LookupError, match="no parameter `speed`"):
        situation(GUIDE, GUIDE.environments["production"], of().runbook, given={"speed": "7"})


def test_a_server_that_the_environment_does_not_have_is_refused() -> None:
    with pytest.raises(LookupError, match="no app server `app-9`; there are: app-1"):
        situation(GUIDE, GUIDE.environments["production"], of().runbook, "app-9")


def test_what_nobody_knows_is_not_rendered_as_nothing() -> None:
    with pytest.raises(UndefinedError, match="'colour' is undefined"):
        render("paint {{ colour }}", of())


def test_a_command_that_the_environment_lacks_is_named() -> None:
    place = GUIDE.environments["production"].model_copy(update={"commands": {}})
    with pytest.raises(LookupError, match="no command `restart`"):
        render("{{ command('restart', target='app-1') }}", of(place))


def test_the_environments_own_commands_quote_what_they_are_given() -> None:
    place = GUIDE.environments["production"].model_copy(update={"commands": {"say": "say {word} on {site}"}})
    assert render("{{ command('say', word='a b') }}", of(place)) == f"say 'a b' on {place.site}"


# ------------------------------------------------------------------------------------------------- waits


def test_a_wait_ends_when_its_look_succeeds(tools: Tools) -> None:
    command = render_step(step("true", wait="true", wait_at_most="60s"), of(), None)
    assert command.wait is not None
    assert tools.run(command.wait) == 0


def test_a_wait_fails_when_its_time_is_over(tools: Tools) -> None:
    command = render_step(step("true", wait="false", wait_at_most="0s"), of(), None)
    assert command.wait is not None
    assert tools.run(command.wait) == 1


def test_a_step_without_a_wait_has_none() -> None:
    assert render_step(step("true"), of(), None).wait is None


# ------------------------------------------------------------------------------------------------- Nginx

RELOADED = "{{ nginx_reloaded }}"


def test_a_server_is_taken_out_of_both_upstreams_of_nginx_and_brought_back_byte_by_byte(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path
) -> None:
    tools.add("nginx", "exit 0")
    tools.add("pgrep", "echo 78")
    # a server whose address and port begin like those of the one to be taken out
    near = here.apps[0].model_copy(update={"http": here.apps[0].http * 10})
    near._id = "app-10"
    place = here.model_copy(update={"targets": {**here.targets, near.id: near}})
    (text,) = config_files(GUIDE, place, here.of(System.NGINX)[0]).values()
    config = tmp_path / "config"
    config.write_text(text)
    assert tools.run(shell("{{ nginx_take_out }}", System.NGINX)) == 0
    lines = zip(text.splitlines(), config.read_text().splitlines(), strict=True)
    changed = [after.strip() for before, after in lines if before != after]
    server = f"server {here.apps[0].address}:{here.apps[0].http} "
    assert len(changed) == 2
    assert all(line.startswith(server) and line.endswith(" down;") for line in changed)
    assert tools.run(shell("{{ nginx_is_whole }}", System.NGINX)) == 1
    assert tools.run(shell("{{ nginx_bring_back }}", System.NGINX)) == 0
    assert config.read_text() == text
    assert tools.run(shell("{{ nginx_forget_copy }}", System.NGINX)) == 0
    assert tools.run(shell("{{ nginx_is_whole }}", System.NGINX)) == 0


def test_a_server_that_stands_nowhere_in_the_file_is_not_taken_for_taken_out(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("nginx", "exit 0")
    tools.add("pgrep", "echo 78")
    (tmp_path / "config").write_text("upstream app {\n    server 10.9.9.9:8000;\n}\n")
    assert tools.run(shell("{{ nginx_take_out }}", System.NGINX)) != 0


@pytest.mark.parametrize(
    ("before", "now", "code"),
    [
        pytest.param("71\n72\n", "73\n74", 0, id="new workers"),
        pytest.param("71\n72\n", "71\n72", 1, id="the same workers"),
        pytest.param("71\n72\n", "72\n73", 1, id="one old worker still serves"),
        pytest.param("7\n", "71", 0, id="a new one that begins like the old one"),
        pytest.param("71\n", "", 1, id="no worker"),
        pytest.param("", "73", 1, id="nobody noted who served"),
    ],
)
def test_nginx_has_reloaded_when_none_of_the_workers_of_before_serves(
    tools: Tools, shell: Shell, tmp_path: Path, before: str, now: str, code: int
) -> None:
    (tmp_path / "workers.before").write_text(before)
    tools.add("pgrep", f"printf '{now}'; test -n '{now}'")
    assert tools.run(shell(RELOADED, System.NGINX)) == code


def test_nginx_has_not_reloaded_when_it_does_not_run(tools: Tools, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "workers.before").write_text("71\n")
    (tmp_path / "nginx.pid").unlink()
    assert tools.run(shell(RELOADED, System.NGINX)) != 0


def test_no_old_workers_is_not_said_of_an_nginx_that_does_not_run(tools: Tools, shell: Shell) -> None:
    tools.add("pgrep", "exit 1")
    assert tools.run(shell("{{ nginx_old_workers_gone }}", System.NGINX)) != 0


# ----------------------------------------------------------------------------------------------- HAProxy


def stat(*rows: tuple[str, str, str]) -> str:
    """`show stat` with backend, server and status of each row."""
    lines = [",".join([backend, server, *[""] * 15, status, "100"]) for backend, server, status in rows]
    return "\n".join(["# pxname,svname", *lines])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(stat(("app", "app-1", "DRAIN"), ("app_sticky", "app-1", "DRAIN")), 0, id="both"),
        pytest.param(stat(("app", "app-1", "DRAIN"), ("app_sticky", "app-1", "UP")), 1, id="one of two"),
        pytest.param(stat(("app", "app-1", "DRAIN")), 1, id="missing in one"),
        pytest.param(stat(("app", "app-11", "DRAIN"), ("app_sticky", "app-11", "DRAIN")), 1, id="another"),
        pytest.param("", 1, id="no answer"),
    ],
)
def test_a_server_of_haproxy_is_something_when_it_is_in_every_backend(
    tools: Tools, shell: Shell, answer: str, code: int
) -> None:
    tools.add("socat", f"cat <<'END'\n{answer}\nEND")
    look = shell("""{{ haproxy_is('$18 == "DRAIN"') }}""", System.HAPROXY)
    assert tools.run(look) == code


def test_an_order_to_haproxy_names_the_server_in_every_backend(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("socat", f"cat > {tmp_path}/sent")
    assert tools.run(shell("{{ haproxy_order('set server {} state drain') }}", System.HAPROXY)) == 0
    sent = "set server app/app-1 state drain; set server app_sticky/app-1 state drain\n"
    assert (tmp_path / "sent").read_text() == sent


def socat(stat_rows: str, worker: str) -> str:
    """A HAProxy that answers on both sockets."""
    proc = f"# workers\n{worker} worker 0 0d00h00m11s 2.6.12" if worker else "# workers"
    return (
        f"read -r command\ncase $command in\n'show stat') cat <<'END'\n{stat_rows}\nEND\n;;\n"
        f"'show proc') cat <<'END'\n{proc}\nEND\n;;\nesac"
    )


CHECKED = stat(("app", "app-1", "UP"))
UNCHECKED = CHECKED + ",x,INI,"


@pytest.mark.parametrize(
    ("rows", "worker", "code"),
    [
        pytest.param(CHECKED, "72", 0, id="a new worker"),
        pytest.param(CHECKED, "71", 1, id="the same worker"),
        pytest.param(CHECKED, "", 1, id="no worker"),
        pytest.param(UNCHECKED, "72", 1, id="servers not checked yet"),
        pytest.param("", "72", 1, id="the new worker does not answer"),
    ],
)
def test_haproxy_has_reloaded_when_another_worker_has_checked_its_servers(
    tools: Tools, shell: Shell, tmp_path: Path, rows: str, worker: str, code: int
) -> None:
    (tmp_path / "worker.before").write_text("71\n")
    tools.add("socat", socat(rows, worker))
    assert tools.run(shell("{{ haproxy_reloaded }}", System.HAPROXY)) == code


def test_haproxy_is_not_reloaded_when_its_states_could_not_be_saved(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("socat", f"cat >> {tmp_path}/sent")
    assert tools.run(shell("{{ haproxy_reload }}", System.HAPROXY)) != 0
    assert "reload" not in (tmp_path / "sent").read_text()


# ------------------------------------------------------------------------------------------ certificates


@pytest.fixture
def authority(tmp_path: Path) -> ca.Authority:
    return ca.authority(tmp_path / "ca")


def put(tmp_path: Path, issued: ca.Issued, key: bytes | None = None) -> None:
    (tmp_path / "site.pem.new").write_bytes(issued.chain)
    (tmp_path / "site.pem.new.key").write_bytes(key or issued.key)


def test_a_good_certificate_is_good(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority
) -> None:
    put(tmp_path, ca.issue(authority, here.site, 90))
    assert tools.run(shell("{{ certificate_good }}", System.NGINX)) == 0


@pytest.mark.parametrize("fault", ["short", "another name", "no intermediate", "another key", "no file"])
def test_a_certificate_with_a_fault_is_not_good(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority, fault: str
) -> None:
    days = GUIDE.facts["certificate-days-left"].value(here.tier) - 1 if fault == "short" else 90
    name = "other.example.com" if fault == "another name" else here.site
    issued = ca.issue(authority, name, days, intermediate=fault != "no intermediate")
    if fault != "no file":
        put(tmp_path, issued, ca.issue(authority, name, days).key if fault == "another key" else None)
    assert tools.run(shell("{{ certificate_good }}", System.NGINX)) != 0


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_server_that_does_not_answer_does_not_serve_the_certificate(
    tools: Tools, here: Environment, shell: Shell, tmp_path: Path, authority: ca.Authority, on_disk: bool
) -> None:
    """Not even where the file is missing too: nothing is not equal to nothing."""
    if on_disk:
        place_certificate(tmp_path / "site.pem", ca.issue(authority, here.site, 90))
    assert tools.run(shell("{{ certificate_is_served }}", System.NGINX)) != 0
