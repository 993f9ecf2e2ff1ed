"""HAProxy: orders for every backend, and looks that an empty answer does not satisfy."""

from pathlib import Path

import pytest

from tests.render.commands.conftest import Shell, Tools


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
    look = shell("""{{ haproxy_is('$18 == "DRAIN"') }}""", "haproxy")
    assert tools.run(look) == code


def test_an_order_to_haproxy_names_the_server_in_every_backend(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("socat", f"cat > {tmp_path}/sent")
    assert tools.run(shell("{{ haproxy_order('set server {} state drain') }}", "haproxy")) == 0
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
    assert tools.run(shell("{{ haproxy_reloaded }}", "haproxy")) == code


def test_haproxy_is_not_reloaded_when_its_states_could_not_be_saved(
    tools: Tools, shell: Shell, tmp_path: Path
) -> None:
    tools.add("socat", f"cat >> {tmp_path}/sent")
    assert tools.run(shell("{{ haproxy_reload }}", "haproxy")) != 0
    assert "reload" not in (tmp_path / "sent").read_text()
