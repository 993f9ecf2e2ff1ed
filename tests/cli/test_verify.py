"""`guide validate`, `guide verify` and `guide explain`."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_guide.model.record import TIERS
from scaling_guide.probes.observation import Unreachable
from scaling_guide.verify.reports import REPORTS
from tests.cli.conftest import REPO, Guide
from tests.numbers import own_number
from tests.verify.observations import guide as documented
from tests.world import World

RUNBOOK = "drain-and-replace-backend"
RENDERED, BEHAVIOUR = "nginx-worker-connections", "nginx-running-is-disk"


@pytest.fixture
def copy(tmp_path: Path, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of data and checks, in which commands run."""
    for name in ("data", "checks"):
        shutil.copytree(REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --------------------------------------------------------------------------------------------------- validate


def test_data_that_is_consistent_is_counted(guide: Guide) -> None:
    ended = guide("validate")
    assert (ended.code, ended.err) == (0, "")
    assert f"data is consistent: {len(documented().facts)} facts" in ended.out


def test_every_problem_of_the_data_is_told_with_its_place_its_code_and_its_repair(
    guide: Guide, copy: Path
) -> None:
    tiers, topic = copy / "data" / "tiers.yml", copy / "data" / "topics" / "load-balancing" / "algorithms.yml"
    tiers.write_text(f"{tiers.read_text()}huge: {{}}\n")
    topic.write_text(topic.read_text().replace("owner:", "owned_by:", 1))
    ended = guide("validate")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert len(lines) >= 3
    assert [line for line in lines if not re.fullmatch(r"/\S+:\d+:\d+ [A-Z_]+ \S.*; \S.*", line)] == []
    assert any(line.startswith(f"{topic}:") and "UNKNOWN_KEY" in line for line in lines)
    assert any(line.startswith(f"{tiers}:") for line in lines)
    assert f"{len(lines)} problems" in ended.err
    assert "Traceback" not in ended.text


def test_a_command_that_no_reader_would_get_is_a_problem_of_the_data(guide: Guide, copy: Path) -> None:
    runbook = copy / "data" / "runbooks" / "redis-failover-drill.yml"
    text = runbook.read_text()
    runbook.write_text(text.replace("{{ as_checker(", "{{ as_chequer(", 1))
    line = text[: text.index("{{ as_checker(")].count("\n") + 1
    ended = guide("validate")
    assert ended.code == 1
    places = [each.partition(" COMMAND_BROKEN ")[0] for each in ended.out.splitlines()]
    assert places
    assert all(place.startswith(f"{runbook}:{line}:") for place in places)
    assert "'as_chequer' is undefined" in ended.out


@pytest.mark.parametrize("call", [f"explain {RENDERED}", f"runbook {RUNBOOK}", "verify --env lab"])
def test_no_command_works_with_data_that_has_problems(guide: Guide, copy: Path, call: str) -> None:
    (copy / "data" / "tiers.yml").write_text("[")
    ended = guide(*call.split())
    assert ended.code != 0
    assert f"{copy / 'data' / 'tiers.yml'}:" in ended.err
    assert "Traceback" not in ended.text


# ----------------------------------------------------------------------------------------------------- verify


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def test_green_is_one_line(guide: Guide, world: World, out: Path) -> None:
    ended = guide("verify", "--env", "lab", "--system", "app", "--out", str(out))
    assert ended.code == 0
    assert re.fullmatch(r"lab: \d+ checks: \d+ pass\n", ended.out)
    assert f"reports in {out}, exit code 0" in ended.err
    assert {path.name for path in out.iterdir()} == set(REPORTS)


def test_red_says_what_where_and_how_to_look(guide: Guide, world: World, out: Path) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    ended = guide("verify", "--env", "lab", "--check", "haproxy-retries", "--out", str(out))
    fact = documented().facts["haproxy-retries"]
    assert ended.code == 1
    for told in ("fail", "retries is 99, expected", f"{fact.place('expect').path}:", fact.page, "by hand"):
        assert told in ended.out
    assert "lab: 1 checks: 1 fail" in ended.out


def test_what_could_not_be_looked_at_for_one_reason_is_said_once(
    guide: Guide, world: World, out: Path
) -> None:
    world.dead["haproxy"] = Unreachable("connection refused")
    ended = guide("verify", "--env", "lab", "--target", "haproxy", "--out", str(out))
    checks = json.loads((out / "results.json").read_text())["checks"]
    reasons = {row["message"] for row in checks}
    assert ended.code == 10
    assert 1 < len(reasons) < len(checks)
    assert ended.out.count("connection refused") == len(reasons)
    assert [row["id"] for row in checks if not re.search(rf"\b{row['id']}\b", ended.out)] == []
    assert ended.out.count("by hand") == len(reasons)


def test_two_drifts_are_said_one_by_one(guide: Guide, world: World, out: Path) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    world.changes["haproxy", "global > maxconn"] = 1
    ended = guide("verify", "--env", "lab", "--target", "haproxy", "--out", str(out))
    reds = [
        row for row in json.loads((out / "results.json").read_text())["checks"] if row["outcome"] == "fail"
    ]
    assert len(reds) >= 2
    for row in reds:
        assert f"documented {row['source']['file']}:{row['source']['line']}" in ended.out


def test_a_lab_that_is_down_is_said_first(guide: Guide, out: Path) -> None:
    call = ("verify", "--env", "lab", "--target", "app-1", "--out", str(out))
    with own_number() as where:
        ended = guide(*call, "--lab", str(where.number))
    assert ended.code == 10
    assert ended.err.splitlines()[0] == f"lab {where.number} is down: start it with `guide lab up`"


def test_a_runbook_may_begin_when_its_preconditions_hold(guide: Guide, world: World, out: Path) -> None:
    call = ("verify", "--env", "lab", "--runbook", RUNBOOK, "--before", "--out", str(out))
    ended = guide(*call)
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "GO: every precondition holds")
    world.dead["haproxy"] = Unreachable("connection refused")
    ended = guide(*call)
    assert ended.code == 10
    assert ended.out.splitlines()[-1].startswith("NO-GO: ")
    assert "@haproxy unreachable" in ended.out.splitlines()[-1]


def test_nothing_selected_is_neither_green_nor_go(guide: Guide, world: World, out: Path) -> None:
    options = ("--runbook", RUNBOOK, "--before", "--system", "app", "--out", str(out))
    ended = guide("verify", "--env", "lab", "--check", "nginx-worker-connections", *options)
    assert ended.code == 5
    assert ended.out.splitlines()[-1] == "NO-GO: nothing was verified"
    assert world.looks == []


def test_it_is_the_same_as_pytest_checks(
    pytester: pytest.Pytester, guide: Guide, world: World, out: Path
) -> None:
    world.changes["app-1", "/readyz > status"] = 599
    ended = guide("verify", "--env", "lab", "--system", "app", "--out", str(out))
    rows = json.loads((out / "results.json").read_text())["checks"]
    same = pytester.runpytest_inprocess(
        str(REPO / "checks"), f"--rootdir={REPO}", f"-c{REPO / 'pyproject.toml'}", f"--data={REPO / 'data'}",
        "--env=lab", "--system=app", f"--out={out}", "-pno:cacheprovider",
    )  # fmt: skip
    assert ended.code == same.ret == 1
    again = json.loads((out / "results.json").read_text())["checks"]
    assert [(row["id"], row["outcome"]) for row in rows] == [(row["id"], row["outcome"]) for row in again]


def test_what_was_saved_is_judged_without_contact(guide: Guide, world: World, out: Path) -> None:
    call = ("verify", "--env", "lab", "--target", "app-1", "--out", str(out))
    seen = out.parent / "seen.json"
    assert guide(*call, "--save", str(seen)).code == 0
    world.looks.clear()
    assert guide(*call, "--replay", str(seen)).code == 0
    assert world.looks == []


def test_options_for_tests_of_ones_own_are_not_meant(
    guide: Guide, world: World, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-v --no-such-option")
    assert guide("verify", "--env", "lab", "--target", "app-1", "--out", str(out)).code == 0


# ------------------------------------------------------------------------------------------------ interrupted


@pytest.fixture
def mute() -> Iterator[tuple[int, socket.socket]]:
    """The number of a lab whose first application accepts and never answers, and where it listens."""
    with own_number() as where, socket.create_server((f"{where.net}.31", 8000)) as listening:
        listening.settimeout(30)
        yield where.number, listening


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "from scaling_guide.cli import main; main()", "verify", "--out"],
        ["-m", "pytest", "checks", "-pno:cacheprovider", "--out"],
    ],
    ids=["guide", "pytest"],
)
def test_an_interrupted_run_ends_cleanly_and_leaves_earlier_reports_alone(
    mute: tuple[int, socket.socket], command: list[str], tmp_path: Path
) -> None:
    number, listening = mute
    (tmp_path / "results.json").write_text("of an earlier run")
    options = [str(tmp_path), "--env", "lab", "--lab", str(number), "--target", "app-1"]
    with (
        subprocess.Popen(
            [sys.executable, *command, *options],
            cwd=REPO,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as run,
        listening.accept()[0],
    ):
        run.send_signal(signal.SIGINT)
        written = "".join(run.communicate(timeout=30))
    assert run.returncode == 130
    assert "Traceback" not in written
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "results.json": "of an earlier run"
    }


# ---------------------------------------------------------------------------------------------------- explain


def test_a_rendered_fact_is_explained_down_to_its_template(guide: Guide) -> None:
    ended = guide("explain", RENDERED, "--env", "lab")
    fact = documented().facts[RENDERED]
    template = REPO / "data" / "templates" / "nginx" / "nginx.conf.j2"
    assert ended.code == 0
    assert re.search(rf"rendered by +{re.escape(str(template))}:\d+", ended.out)
    assert re.search(rf"documented at +{re.escape(str(fact.place('expect')))}\n", ended.out)
    for tier in TIERS:
        assert (
            f"{fact.expectation(tier).words()}; config files take {json.dumps(fact.used(tier))}" in ended.out
        )
    source = documented().sources[str(fact.source.ref)]
    for told in (
        fact.label,
        fact.why,
        fact.page,
        fact.setting,
        source.title,
        str(source.seen),
        "by hand, nginx",
    ):
        assert told in ended.out


def test_a_behaviour_is_explained_with_what_proves_its_check(guide: Guide) -> None:
    ended = guide("explain", BEHAVIOUR)
    assert ended.code == 0
    assert "no template: it is behaviour or run-time state" in ended.out
    assert re.search(r"proven by +reload-forgotten", ended.out)


@pytest.mark.parametrize("name", list(documented().facts))
def test_every_fact_can_be_explained(guide: Guide, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaling_guide.cli.project.load", lambda *_: documented())
    ended = guide("explain", f"{name}@anywhere", "--env", "staging")
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("worker-connections", RENDERED),
        ("nginx-worker-connexions", RENDERED),
        ("check-fall", "haproxy-check-fall"),
    ],
)
def test_an_id_that_there_is_not_is_answered_with_the_one_that_was_meant(
    guide: Guide, typed: str, meant: str
) -> None:
    ended = guide("explain", typed)
    assert ended.code == 4
    assert re.search(rf"there is no check {typed}; did you mean .*\b{meant}\b", ended.err)
