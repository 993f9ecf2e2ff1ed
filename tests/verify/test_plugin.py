"""`pytest checks --env NAME`: what is collected, what is contacted, how it ends and what it leaves behind."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Waiver
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.probes.observation import Malformed, Unreachable
from scaling_guide.probes.recording import save
from scaling_guide.verify import plugin, run
from scaling_guide.verify.reports import REPORTS
from scaling_guide.verify.run import observe_for
from scaling_guide.verify.selection import Selection, runbook_checks, select
from tests.numbers import own_number
from tests.verify.observations import REPO, at, guide
from tests.world import World

RUNBOOK = "drain-and-replace-backend"
TOPIC = "load-balancing/sticky-sessions"
HAPROXY, APP = ("haproxy", "backend app > retries"), ("app-1", "health > body")
LAB = guide().environments["lab"]


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, what it wrote to the terminal, and the directory for its reports."""

    code: int
    text: str
    out: Path

    @property
    def document(self) -> Any:
        return json.loads((self.out / "results.json").read_text())

    @property
    def outcomes(self) -> dict[str, str]:
        return {f"{row['id']}@{row['target']}": row["outcome"] for row in self.document["checks"]}


Run = Callable[..., Ended]


@cache
def _loaded(data: Path, variables: tuple[tuple[str, str], ...]) -> Guide:
    return load(data, dict(variables))


@pytest.fixture
def verified(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `pytest checks` in this process, for the environment `lab` unless told otherwise."""
    monkeypatch.setattr(plugin, "load", lambda data, variables: _loaded(data, tuple(variables.items())))
    monkeypatch.delenv("SG_LAB", raising=False)

    def call(*options: str, env: str | None = "lab", checks: Path = REPO / "checks") -> Ended:
        places = [str(checks), f"--rootdir={REPO}", f"-c{REPO / 'pyproject.toml'}"]
        given = [f"--data={REPO / 'data'}", f"--out={tmp_path / 'out'}", "-pno:cacheprovider"]
        environment = [] if env is None else [f"--env={env}"]
        ended = pytester.runpytest_inprocess(*places, *given, *environment, *options)
        return Ended(int(ended.ret), f"{ended.stdout}\n{ended.stderr}", tmp_path / "out")

    return call


def needs(selection: Selection) -> list[tuple[str, str]]:
    """The looks that a selection needs, each once."""
    return sorted({check.needs for check in select(guide(), LAB, selection)})


# ---------------------------------------------------------------------------------------------- green and red


def test_everything_documented_is_green_and_each_source_is_looked_at_once(
    verified: Run, world: World
) -> None:
    ended = verified()
    assert ended.code == 0
    assert set(ended.outcomes.values()) == {"pass"}
    assert ended.outcomes.keys() == {check.name for check in select(guide(), LAB, Selection())}
    assert sorted(world.looks) == needs(Selection())


def test_a_drift_ends_with_1_and_names_everything_needed_to_mend_it(verified: Run, world: World) -> None:
    world.changes["nginx", "events > worker_connections"] = 17
    ended = verified("--topic=load-balancing/configuration")
    fact = guide().facts["nginx-worker-connections"]
    assert ended.code == 1
    assert Counter(ended.outcomes.values())["fail"] == 1
    for told in (
        "fail: nginx: events > worker_connections is 17, expected at least",
        f"documented {fact.place('expect').path}:{fact.place('expect').line}",
        f"page       {fact.page}",
        "found      17",
        "target     nginx (nginx)",
        "by hand    nginx -p",
    ):
        assert told in ended.text


def test_the_reports_are_written_and_end_with_the_same_code(verified: Run, world: World) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    ended = verified("--check=haproxy-retries")
    assert {path.name for path in ended.out.iterdir()} == set(REPORTS)
    assert (ended.code, ended.document["exit_code"]) == (1, 1)
    assert 'guide_verify_exit_code{environment="lab"} 1.0' in (ended.out / "metrics.prom").read_text()


def test_the_order_of_the_report_is_that_of_the_guide(verified: Run, world: World) -> None:
    ended = verified("--system=app")
    assert list(ended.outcomes) == [
        check.name for check in select(guide(), LAB, Selection(systems=frozenset({"app"})))
    ]


# ---------------------------------------------------------------------------------- what nobody could look at


def test_a_lab_that_is_down_is_inconclusive_and_nothing_passes(
    verified: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def recorded(environment: Any, wanted: Any) -> Any:
        asked.append(list(wanted))
        return real(environment, asked[-1])

    real = run.observe
    monkeypatch.setattr(run, "observe", recorded)
    with own_number() as where:
        ended = verified(f"--lab={where.number}")
    assert ended.code == 10
    assert set(ended.outcomes.values()) <= {"unreachable", "timeout", "unsupported", "error"}
    assert len(ended.outcomes) == len(select(guide(), LAB, Selection()))
    # all at once, so that the run takes one deadline however many checks there are
    assert [sorted(one) for one in asked] == [needs(Selection())]


def test_one_dead_server_leaves_the_others_judged(verified: Run, world: World) -> None:
    world.dead["app-2"] = Unreachable("connection refused")
    ended = verified("--system=app")
    by_target = {name.partition("@")[2]: outcome for name, outcome in ended.outcomes.items()}
    assert by_target == {"app-1": "pass", "app-2": "unreachable", "app-3": "pass"}
    assert ended.code == 10


def test_a_drift_outweighs_what_nobody_could_look_at(verified: Run, world: World) -> None:
    world.dead["app-1"] = Malformed("not HTTP")
    world.changes["haproxy", "backend app > retries"] = 99
    assert verified("--check=haproxy-retries", "--check=app-ready").code == 1


def test_a_drift_seen_once_is_flaky_with_retries_and_a_drift_without(verified: Run, world: World) -> None:
    world.moments["haproxy", "backend app > retries"] = 99
    ended = verified("--check=haproxy-retries", "--retries=2")
    assert (ended.code, ended.outcomes) == (10, {"haproxy-retries@haproxy": "flaky"})
    assert [row["attempts"] for row in ended.document["checks"]] == [2]
    world.looks.clear()
    assert verified("--check=haproxy-retries").code == 1


def test_retries_look_again_only_at_what_is_not_green(verified: Run, world: World) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    ended = verified("--check=haproxy-retries", "--check=app-ready", "--retries=2")
    assert ended.outcomes["haproxy-retries@haproxy"] == "fail"
    assert Counter(world.looks) == {
        ("haproxy_config", "haproxy"): 3,
        **{("app", f"app-{number}"): 1 for number in (1, 2, 3)},
    }


# -------------------------------------------------------------------------------------------------- selection


@pytest.mark.parametrize(
    ("options", "selection"),
    [
        (["--topic", TOPIC], Selection(topics=frozenset({TOPIC}))),
        (["--system", "app"], Selection(systems=frozenset({"app"}))),
        (["--target", "nginx"], Selection(targets=frozenset({"nginx"}))),
        (["--check", "app-ready", "--target", "app-2"],
         Selection(checks=frozenset({"app-ready"}), targets=frozenset({"app-2"}))),
        (["--runbook", RUNBOOK], Selection(runbooks=frozenset({RUNBOOK}))),
        (["--runbook", RUNBOOK, "--before"], Selection(runbooks=frozenset({RUNBOOK}), before=True)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_is_not_selected_is_neither_judged_nor_contacted(
    verified: Run, world: World, options: list[str], selection: Selection
) -> None:
    ended = verified(*options)
    selected = {check.name for check in select(guide(), LAB, selection)}
    assert 0 < len(selected) < len(select(guide(), LAB, Selection()))
    assert ended.outcomes.keys() == selected
    assert sorted(world.looks) == needs(selection)


def test_k_contacts_nothing_that_it_leaves_out(verified: Run, world: World) -> None:
    ended = verified("-k", "app-ready and app-3")
    assert ended.outcomes == {"app-ready@app-3": "pass"}
    assert world.looks == [("app", "app-3")]


def test_collecting_contacts_nothing_and_reports_nothing(verified: Run, world: World) -> None:
    ended = verified("--collect-only", "-q", "--system=app")
    assert "app-ready@app-3" in ended.text
    assert (ended.code, world.looks, ended.out.exists()) == (0, [], False)


def test_a_check_of_a_runbook_is_named_by_the_first_phase_that_relies_on_it(
    verified: Run, world: World
) -> None:
    relied_on = {check.name: check.phase for check in reversed(runbook_checks(guide(), LAB, RUNBOOK))}
    ended = verified("--collect-only", "-q", "--runbook", RUNBOOK)
    found = re.findall(rf"checks/runbooks/test_{RUNBOOK}\.py::test_phase\[(\w+):(\S+)\]", ended.text)
    assert len(set(relied_on.values())) > 1
    assert {name: phase for phase, name in found} == relied_on
    ended = verified("--runbook", RUNBOOK, "-k", "verify:")
    assert ended.outcomes.keys() == {name for name, phase in relied_on.items() if phase == "verify"}


@pytest.mark.parametrize(
    "options", [["-k", "no_such_thing"], ["--check", "app-ready", "--system", "haproxy"]]
)
def test_an_empty_run_ends_with_5_and_contacts_nothing(
    verified: Run, world: World, options: list[str]
) -> None:
    ended = verified(*options)
    assert (ended.code, ended.document["exit_code"], ended.outcomes, world.looks) == (5, 5, {}, [])


# ----------------------------------------------------------------------------------------------- usage errors


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--env="], ["say which environment to check: --env NAME"]),
        (["--env=nowhere"], ["there is no environment nowhere", "lab, production, staging"]),
        (["--check=no-such"], ["there is no check no-such; there are "]),
        (["--check=haproxy-retry"], ["no check haproxy-retry; did you mean ", "haproxy-retries"]),
        (["--topic=no/such"], ["there is no topic no/such; there are:", TOPIC]),
        (["--runbook=no-such"], ["there is no runbook no-such; there are:", RUNBOOK]),
        (["--system=cobol"], ["there is no system cobol; there are: app, haproxy, ", ", nginx"]),
        (["--target=lb-9"], ["there is no target lb-9; there are: app-1, app-2, app-3, haproxy, "]),
        (["--check=a", "--check=b", "--target=c"], ["no check a;", "no check b;", "no target c;"]),
        (["--before"], ["--before goes with --runbook ID"]),
        (["--lab=999"], ["`999` is no lab number: use 1 to 254"]),
        (["--replay=no/such.json"], ["no/such.json"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_a_call_that_makes_no_sense_ends_with_4_and_says_what_would(
    verified: Run, world: World, options: list[str], told: list[str]
) -> None:
    ended = verified(*options)
    assert ended.code == 4
    assert [part for part in told if part not in ended.text] == []
    assert "Traceback" not in ended.text
    assert (world.looks, ended.out.exists()) == ([], False)


def test_without_an_environment_nothing_is_checked(verified: Run, world: World) -> None:
    ended = verified(env=None)
    assert (ended.code, world.looks) == (4, [])
    assert "--env NAME" in ended.text


def test_data_with_problems_ends_with_4_and_tells_every_problem(
    verified: Run, world: World, tmp_path: Path
) -> None:
    data = shutil.copytree(REPO / "data", tmp_path / "data")
    for name in ("tiers.yml", "thresholds.yml"):
        (data / name).unlink()
    ended = verified(f"--data={data}")
    assert (ended.code, world.looks) == (4, [])
    assert f"{data}/thresholds.yml:1:1 MISSING_FILE" in ended.text
    assert f"{data}/tiers.yml:1:1 MISSING_FILE" in ended.text


def test_a_report_that_cannot_be_written_ends_with_4(verified: Run, world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = verified("--check=app-ready", f"--out={tmp_path / 'file'}")
    assert ended.code == 4
    assert "the reports cannot be written" in ended.text
    ended = verified("--check=app-ready", f"--save={tmp_path / 'file' / 'seen.json'}")
    assert ended.code == 4
    assert "INTERNALERROR" not in ended.text


# -------------------------------------------------------------------------------------------- save and replay


def test_what_was_saved_is_judged_again_without_contact(verified: Run, world: World, tmp_path: Path) -> None:
    world.changes["app-1", "/readyz > status"] = 599
    before = verified("--system=app", f"--save={tmp_path / 'seen.json'}")
    assert before.code == 1
    world.looks.clear()
    again = verified("--system=app", f"--replay={tmp_path / 'seen.json'}", "--retries=3")
    assert again.outcomes == before.outcomes
    assert (again.code, world.looks) == (1, [])


def test_a_run_about_a_topic_keeps_what_a_whole_run_saw(verified: Run, world: World) -> None:
    whole = verified()
    before = {f"{row['id']}@{row['target']}": row["observed_at"] for row in whole.document["checks"]}
    world.changes["haproxy", "backend app > retries"] = 99
    ended = verified("--check=haproxy-retries")
    after = {f"{row['id']}@{row['target']}": row["observed_at"] for row in ended.document["checks"]}
    assert ended.code == 1
    assert list(after) == list(before)
    assert {name for name in after if after[name] != before[name]} == {"haproxy-retries@haproxy"}
    assert ended.outcomes["haproxy-retries@haproxy"] == "fail"
    assert "haproxy-retries" in (ended.out / "junit.xml").read_text()


def test_a_replay_has_the_time_of_its_observations(verified: Run, world: World, tmp_path: Path) -> None:
    file = tmp_path / "seen.json"
    verified("--system=app", f"--save={file}")
    file.write_text(re.sub(r'"observed_at": "[0-9]{4}', '"observed_at": "2020', file.read_text()))
    again = verified("--system=app", f"--replay={file}")
    assert {again.document[key][:4] for key in ("started", "finished")} == {"2020"}
    metrics = (again.out / "metrics.prom").read_text()
    (finished,) = re.findall(r"^guide_verify_finished_timestamp_seconds\S* (\S+)$", metrics, re.MULTILINE)
    assert datetime.fromtimestamp(float(finished), UTC).year == 2020


def test_what_is_kept_is_for_its_owner_and_holds_what_facts_name_alone(
    verified: Run, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "seen.json"
    verified("--target=haproxy", f"--save={file}")
    assert file.stat().st_mode & 0o777 == 0o600
    kept = {name for row in json.loads(file.read_text())["results"] for name in row["values"]}
    checks = select(guide(), LAB, Selection(targets=frozenset({"haproxy"})))
    assert kept - {at(check.fact.claim(LAB).setting) for check in checks} == {"settings observed"}


DAMAGED = {
    "truncated": (lambda text: text[:-20], "is not a whole JSON document"),
    "of another format": (lambda text: "[]", "holds no observations of schema"),
    "of another version": (lambda text: text.replace('"schema": 1', '"schema": 99'), "its schema is 99"),
    "of another environment": (
        lambda text: text.replace('"environment": "lab"', '"environment": "staging"'),
        "tells of staging, not of lab",
    ),
    "without values": (lambda text: text.replace('"values"', '"valves"'), "is damaged"),
    "without a target": (lambda text: text.replace('"app-2"', '"x"'), "no observation for app-ready@app-2"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_recording_is_refused(
    verified: Run, world: World, tmp_path: Path, damage: Callable[[str], str], told: str
) -> None:
    file = tmp_path / "seen.json"
    checks = select(guide(), LAB, Selection(checks=frozenset({"app-ready"})))
    save(file, "lab", observe_for(LAB, checks))
    file.write_text(damage(file.read_text()))
    ended = verified("--check=app-ready", f"--replay={file}")
    assert ended.code == 4
    assert told in ended.text
    assert not ended.out.exists()


# ------------------------------------------------------------------------------------------------ in parallel


def test_a_run_in_parallel_comes_to_the_same(verified: Run, world: World, tmp_path: Path) -> None:
    world.changes["app-2", "/readyz > status"] = 599
    world.dead["app-3"] = Unreachable("connection refused")
    seen = tmp_path / "seen.json"
    parallel = verified("--system=app", "-n2", f"--save={seen}")
    in_parallel = parallel.document
    assert sorted(world.looks) == needs(Selection(systems=frozenset({"app"})))
    serial = verified("--system=app", f"--replay={seen}")
    times = ("started", "finished")
    assert {key: value for key, value in in_parallel.items() if key not in times} == {
        key: value for key, value in serial.document.items() if key not in times
    }
    assert parallel.code == serial.code == 1


def test_a_damaged_recording_is_refused_in_parallel(verified: Run, tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text("{")
    ended = verified("--system=app", "-n2", f"--replay={tmp_path / 'seen.json'}")
    assert ended.code == 4
    assert "is not a whole JSON document" in ended.text


# ------------------------------------------------------------------------------------ tests that do not judge


@pytest.mark.parametrize(
    "body",
    ["pass", "assert False", "check.hold()", "check.holds", "raise SystemExit(0)"],
    ids=["empty", "failing", "misspelt", "not called", "ending"],
)
def test_a_test_that_does_not_judge_its_check_is_an_error_and_not_left_out(
    verified: Run, world: World, tmp_path: Path, body: str
) -> None:
    checks = shutil.copytree(REPO / "checks", tmp_path / "checks")
    (checks / "load-balancing" / "test_health-checks.py").write_text(f"def test_fact(check):\n    {body}\n")
    ended = verified("--check=app-ready", "--check=haproxy-retries", checks=checks)
    assert ended.outcomes == {
        "haproxy-retries@haproxy": "pass",
        **{f"app-ready@app-{number}": "error" for number in (1, 2, 3)},
    }
    assert ended.code == 10
    assert "the test of app-ready ended without judging it" in (ended.out / "junit.xml").read_text()


SKIPPED = "import pytest\n\npytestmark = pytest.mark.skip\n\ndef test_fact(check):\n    check.holds()\n"
NOT_JUDGING = {
    "deleted": None,
    "without a test": "",
    "without the argument": "def test_fact():\n    pass\n",
    "misspelt": "def check_fact(check):\n    check.holds()\n",
    "skipped": SKIPPED,
    "skipping": "import pytest\n\npytest.skip('later', allow_module_level=True)\n",
    "not Python": "def test_fact(check:\n",
    "not importable": "import nothing_of_this_name\n\ndef test_fact(check):\n    check.holds()\n",
    "ending pytest": "import pytest\n\ndef test_fact(check):\n    pytest.exit('done', returncode=0)\n",
}


@pytest.mark.parametrize("text", NOT_JUDGING.values(), ids=NOT_JUDGING)
def test_what_is_selected_and_not_judged_is_an_error(
    verified: Run, world: World, tmp_path: Path, text: str | None
) -> None:
    checks = shutil.copytree(REPO / "checks", tmp_path / "checks")
    shutil.rmtree(checks / "runbooks")
    file = checks / "load-balancing" / "test_health-checks.py"
    file.write_text(text or "")
    if text is None:
        file.unlink()
    ended = verified("--check=app-ready", "--check=haproxy-retries", checks=checks)
    assert ended.code == 10
    # topics are judged in the order of their files, and the run ended at the first
    is_over = text == NOT_JUDGING["ending pytest"] and world.looks == []
    assert ended.outcomes == {
        "haproxy-retries@haproxy": "error" if is_over else "pass",
        **{f"app-ready@app-{number}": "error" for number in (1, 2, 3)},
    }


def test_a_folder_of_checks_that_is_gone_is_an_error(verified: Run, world: World, tmp_path: Path) -> None:
    checks = shutil.copytree(REPO / "checks", tmp_path / "checks")
    for section in ("load-balancing", "runbooks"):
        shutil.rmtree(checks / section)
    ended = verified("--check=app-ready", checks=checks)
    assert (ended.code, set(ended.outcomes.values())) == (10, {"error"})


def test_a_worker_that_died_leaves_errors_behind(verified: Run, world: World, tmp_path: Path) -> None:
    checks = shutil.copytree(REPO / "checks", tmp_path / "checks")
    text = "import os\n\n\ndef test_fact(check):\n    os._exit(9)\n"
    (checks / "load-balancing" / "test_health-checks.py").write_text(text)
    ended = verified("--check=app-ready", "-n1", "--max-worker-restart=0", checks=checks)
    assert (ended.code, set(ended.outcomes.values())) == (10, {"error"})


TOPIC_FILE, RUNBOOK_FILE = "load-balancing/test_health-checks.py", f"runbooks/test_{RUNBOOK}.py"
NAMED = {
    TOPIC_FILE: Selection(topics=frozenset({"load-balancing/health-checks"})),
    "load-balancing": Selection(topics=frozenset(name for name in guide().topics if "balancing/" in name)),
    RUNBOOK_FILE: Selection(runbooks=frozenset({RUNBOOK})),
}


@pytest.mark.parametrize("place", NAMED)
def test_the_files_that_are_named_are_what_is_selected(verified: Run, world: World, place: str) -> None:
    ended = verified(checks=REPO / "checks" / place)
    assert ended.code == 0
    assert ended.outcomes.keys() == {check.name for check in select(guide(), LAB, NAMED[place])}


def test_a_single_test_that_is_named_is_all_that_is_selected(verified: Run, world: World) -> None:
    node = REPO / "checks" / "load-balancing" / "test_health-checks.py::test_documented_fact[app-ready@app-3]"
    ended = verified(checks=node)
    assert (ended.code, ended.outcomes) == (0, {"app-ready@app-3": "pass"})


# -------------------------------------------------------------------------------------- before a runbook


def test_a_waived_precondition_is_drift_before_the_runbook_and_not_otherwise(
    verified: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    relied_on = runbook_checks(guide(), LAB, RUNBOOK, "preconditions")
    check = next(check for check in relied_on if check.fact.probe == "haproxy_runtime")
    terms = {"reason": "known", "owner": "ops", "expires": date.max}
    waiver = Waiver(check=check.fact.id, target=check.target.id, **terms)
    waiving = LAB.model_copy(update={"waivers": (waiver,)})
    monkeypatch.setattr(plugin, "_load", lambda *_: (guide(), waiving))
    world.changes[check.target.id, at(check.fact.claim(LAB).setting)] = "otherwise"
    only = (f"--check={check.fact.id}", f"--target={check.target.id}", f"--runbook={RUNBOOK}")
    ended = verified(*only, "--before")
    assert (ended.code, ended.outcomes) == (1, {check.name: "waived"})
    assert verified(*only).code == 11


# ---------------------------------------------------------------------------------------------------- secrets


def test_a_secret_shows_in_no_report_and_on_no_terminal(
    verified: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "correct-horse-battery"
    monkeypatch.setenv("SG_TEST_PASSWORD", secret)
    data = shutil.copytree(REPO / "data", tmp_path / "data")
    with own_number() as where:
        text = (data / "environments" / "lab.yml").read_text()
        host = 'host: "ssh://checker:${SG_TEST_PASSWORD}@127.0.0.1:1"'
        for system in ("nginx", "haproxy"):
            text = text.replace(f"system: {system}\n", f"system: {system}\n    {host}\n")
        (data / "environments" / "guarded.yml").write_text(text)
        seen = tmp_path / "seen.json"
        ended = verified(f"--data={data}", f"--lab={where.number}", f"--save={seen}", "-l", env="guarded")
    assert ended.code == 10
    written = {path.name: path.read_text() for path in (*ended.out.iterdir(), seen)}
    assert {"seen.json", *REPORTS} == written.keys()
    assert [name for name, text in written.items() if secret in text] == []
    assert secret not in ended.text
