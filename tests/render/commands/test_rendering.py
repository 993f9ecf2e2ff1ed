"""Commands of runbooks: rendered for any environment, and read by a shell as they were meant."""

import re
import shlex
import subprocess
from itertools import pairwise

import pytest
from jinja2 import UndefinedError

from scaling_guide.model.runbooks import Safety
from scaling_guide.render.commands import phase_commands, render, render_step, situation, targets
from tests.render.commands.conftest import GUIDE, PHASES, Tools, of, step

# --------------------------------------------------------------------------------------------- every command


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


def written(text: str) -> list[str]:
    """The files that a command writes to: a `>` in quotes is a comparison."""
    words = list(shlex.shlex(text, posix=True, punctuation_chars=True))
    into = [after for word, after in pairwise(words) if word in (">", ">>")]
    return [name for name in into if name != "/dev/null"]


@pytest.mark.parametrize("runbook", GUIDE.runbooks)
def test_read_only_commands_write_no_file_and_set_nothing(runbook: str) -> None:
    found = of("production", runbook)
    looks = [render(look.run, found, at) for look in found.runbook.confirm for at in targets(look, found)]
    steps = [command for phase in PHASES for command in phase_commands(found, phase)]
    looks += [command.run for command in steps if command.step.safety is Safety.READ_ONLY]
    looks += [command.wait for command in steps if command.wait]
    for text in looks:
        assert not written(text)
        assert not re.search(r"\b(sed -i|cp|mv|rm) |\bset (server|maxconn|weight) |admin\.sock", text)


# ----------------------------------------------------------------------------------------------------- where


def test_a_step_comes_once_for_each_of_its_load_balancers() -> None:
    found = of("production")
    systems = ("nginx", "haproxy")
    assert [at.id for at in targets(step("true", systems), found) if at] == [
        each.id for each in found.environment.of(*systems)
    ]


def test_a_step_at_the_application_comes_once_for_the_server_that_the_runbook_is_about() -> None:
    place = GUIDE.environments["production"]
    found = situation(GUIDE, place, GUIDE.runbooks["drain-and-replace-backend"], "app-2")
    assert [at.id for at in targets(step("true", "app"), found) if at] == ["app-2"]


def test_a_step_without_a_system_comes_once() -> None:
    assert targets(step("true"), of()) == (None,)


def test_commands_come_in_the_order_of_the_steps() -> None:
    found = of()
    steps = [command.step for command in phase_commands(found, "mitigate")]
    assert steps == sorted(steps, key=found.runbook.mitigate.steps.index)


# --------------------------------------------------------------------------------------------- what is given


def test_parameters_take_the_example_that_the_documented_values_make() -> None:
    place, runbook = GUIDE.environments["production"], GUIDE.runbooks["raise-connection-limits"]
    documented = GUIDE.facts["haproxy-server-maxconn"].value(place.tier)
    practised = situation(GUIDE, place, runbook, practice=True)
    assert practised.parameters["server_requests"] == str(documented[1])


def test_a_value_that_could_hurt_is_printed_as_a_word_to_replace() -> None:
    found = of("production", "raise-connection-limits")
    assert found.parameters["server_requests"] == "SERVER_REQUESTS?"
    assert render("{{ 2 * server_requests | int }}", found) == "2xSERVER_REQUESTS?"


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


# ----------------------------------------------------------------------------------------------------- waits


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
