"""Nginx: a server is taken out and brought back, and nothing is called reloaded that is not."""

from pathlib import Path

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.render.configs import render as config_files
from tests.render.commands.conftest import GUIDE, Shell, Tools

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
    (text,) = config_files(GUIDE, place, here.of("nginx")[0]).values()
    config = tmp_path / "config"
    config.write_text(text)
    assert tools.run(shell("{{ nginx_take_out }}", "nginx")) == 0
    lines = zip(text.splitlines(), config.read_text().splitlines(), strict=True)
    changed = [after.strip() for before, after in lines if before != after]
    server = f"server {here.apps[0].address}:{here.apps[0].http} "
    assert len(changed) == 2
    assert all(line.startswith(server) and line.endswith(" down;") for line in changed)
    assert tools.run(shell("{{ nginx_is_whole }}", "nginx")) == 1
    assert tools.run(shell("{{ nginx_bring_back }}", "nginx")) == 0
    assert config.read_text() == text
    assert tools.run(shell("{{ nginx_forget_copy }}", "nginx")) == 0
    assert tools.run(shell("{{ nginx_is_whole }}", "nginx")) == 0


def test_a_server_that_stands_nowhere_in_the_file_is_not_taken_for_taken_out(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("nginx", "exit 0")
    tools.add("pgrep", "echo 78")
    (tmp_path / "config").write_text("upstream app {\n    server 10.9.9.9:8000;\n}\n")
    assert tools.run(shell("{{ nginx_take_out }}", "nginx")) != 0


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
    assert tools.run(shell(RELOADED, "nginx")) == code


def test_nginx_has_not_reloaded_when_it_does_not_run(tools: Tools, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "workers.before").write_text("71\n")
    (tmp_path / "nginx.pid").unlink()
    assert tools.run(shell(RELOADED, "nginx")) != 0


def test_no_old_workers_is_not_said_of_an_nginx_that_does_not_run(tools: Tools, shell: Shell) -> None:
    tools.add("pgrep", "exit 1")
    assert tools.run(shell("{{ nginx_old_workers_gone }}", "nginx")) != 0
