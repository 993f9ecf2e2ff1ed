"""Tools run bounded, their failure is told, and what a reader sees of them names no lab."""

import sys
from http import HTTPStatus
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.measure import rig as measuring
from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import examine
from scaling_guide.systems.pgbouncer import server as pooler
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres.rig import password, pgbouncer, pooled, postgres, sql
from tests import numbers

REPO = Path(__file__).parents[3]


@pytest.fixture
def where(tmp_path: Path) -> Lab:
    """A lab that was never started."""
    return Lab(numbers.own().number, tmp_path)


def of_lab(where: Lab) -> Environment:
    guide, _ = examine(REPO / "data", where.variables)
    assert guide is not None
    return guide.environments["lab"]


@pytest.fixture
def rig(where: Lab) -> Rig:
    return Rig(of_lab(where), where)


def test_a_command_is_shown_with_names_in_place_of_addresses_and_paths(rig: Rig) -> None:
    text = f"wrk http://{rig.lab.net}.20:8080/ {rig.lab.net}.200 {rig.lab.root}/ca/ca.pem"
    assert rig.shown(text) == f"wrk http://nginx:8080/ {rig.lab.net}.200 $LAB/ca/ca.pem"


def test_a_tool_is_noted_by_its_name_and_what_it_said_comes_back(rig: Rig) -> None:
    assert rig.run("/bin/echo", "two words") == "two words\n"
    assert rig.noted == ["echo 'two words'"]


def test_a_tool_reads_the_scripts_that_were_written_for_it(rig: Rig) -> None:
    name = rig.script("read.sql", "select 1;\n")
    assert rig.run("cat", name) == "select 1;\n"
    assert rig.scripts == {"read.sql": "select 1;\n"}


def test_a_script_is_shown_with_names_in_place_of_addresses(rig: Rig) -> None:
    text = f"listen {rig.lab.net}.20:9080;"
    assert rig.run("cat", rig.script("server.conf", text)) == text
    assert rig.scripts == {"server.conf": "listen nginx:9080;"}


def test_a_tool_that_fails_is_told_with_its_last_words(rig: Rig) -> None:
    with pytest.raises(NotMeasured, match=r"^`sh -c .*` ended with 3: no such host$"):
        rig.run("sh", "-c", "echo no such host >&2; exit 3")


def test_a_server_of_its_own_serves_until_the_measurement_is_over(rig: Rig) -> None:
    host = f"{rig.lab.net}.9"
    with rig.undo:
        rig.serve(host, 8765, sys.executable, "-m", "http.server", "-b", host, "8765")
        assert urlopen(f"http://{host}:8765/").status == HTTPStatus.OK
    with pytest.raises(URLError, match="refused"):
        urlopen(f"http://{host}:8765/")


@pytest.mark.parametrize("argv", [("false",), ("sleep", "9")], ids=["ends", "never listens"])
def test_a_server_that_does_not_listen_is_told_and_ended(
    rig: Rig, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "START_SECONDS", 0.1)
    with rig.undo, pytest.raises(NotMeasured, match=f"`{argv[0]}.*` does not listen"):
        rig.serve(f"{rig.lab.net}.9", 8766, *argv)


def test_a_tool_that_is_not_installed_is_told(rig: Rig) -> None:
    with pytest.raises(NotMeasured, match="`no-such-tool -c 1` ended with 127"):
        rig.run("no-such-tool", "-c", "1")


def test_a_tool_that_hangs_is_ended(rig: Rig) -> None:
    with pytest.raises(NotMeasured, match=r"`sleep 60` took longer than 0.1 s"):
        rig.run("sleep", "60", seconds=0.1)


def test_a_password_is_read_from_its_file_and_shown_nowhere(rig: Rig) -> None:
    passwords = identities.passwords(rig.lab)
    assert (
        rig.run("sh", "-c", "cat $PGPASSFILE", environ=password(rig, "app"))
        .strip()
        .endswith(passwords["app"])
    )
    assert passwords["app"] not in rig.noted[0]


def test_what_a_tool_is_told_aside_is_shown_nowhere(rig: Rig) -> None:
    assert rig.run("sh", "-c", "echo $TOLD", environ={"TOLD": "a secret"}) == "a secret\n"
    assert rig.noted == ["sh -c 'echo $TOLD'"]


def test_servers_that_are_asked_for_are_those_that_took_part(rig: Rig) -> None:
    assert (postgres(rig).id, pgbouncer(rig).id) == ("postgres-primary", "pgbouncer")
    assert list(rig.used) == ["postgres-primary", "pgbouncer"]


def test_a_statement_that_fails_is_told(live: Lab) -> None:
    with pytest.raises(NotMeasured, match=r'`drop table nothing`: table "nothing" does not exist'):
        sql(Rig(of_lab(live), live), "drop table nothing")


def test_a_pool_of_its_own_is_there_until_it_is_undone(live: Lab) -> None:
    rig = Rig(of_lab(live), live)
    target = pgbouncer(rig)
    before = Path(target.config).read_text()

    def databases() -> set[str]:
        with pooler.console(live, target) as console:
            return {row[0] for row in console.execute(b"SHOW DATABASES").fetchall()}

    with rig.undo:
        pooled(rig, "appdb_3", "pool_size=3")
        assert "appdb_3" in databases()
        assert rig.noted == [
            "pgbouncer.ini: appdb_3 = host=postgres-primary port=5432 dbname=appdb pool_size=3"
        ]
    assert Path(target.config).read_text() == before
    assert "appdb_3" not in databases()


def test_processor_time_is_of_a_server_and_its_workers(live: Lab) -> None:
    rig = Rig(of_lab(live), live)
    nginx, app = rig.processor("nginx"), rig.processor("app-1")
    assert 0 < nginx < app
    assert rig.processor("nginx", "app-1") >= nginx + app
