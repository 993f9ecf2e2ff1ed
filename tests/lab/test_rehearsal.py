"""A rehearsal runs the commands of the page under load, holds them to what is documented, and tidies up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scaling_guide.lab import course, lifecycle
from scaling_guide.lab import fleet as whole
from scaling_guide.lab.course import Course
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.play import Play, Procedure
from scaling_guide.lab.rehearsal import NotRehearsed, accepted, rehearse
from scaling_guide.lab.server import Server
from scaling_guide.model import rehearsals
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.rehearsals import Measured, Seen
from scaling_guide.model.runbooks import Confirm, Phase, Rehearsal, Runbook
from tests import numbers
from tests.lab import fleets
from tests.lab.conftest import gone_within

pytestmark = pytest.mark.quiet
RATE = 60
DRAIN = {
    "id": "drain",
    "do": "Drain the server.",
    "run": "{{ haproxy_order('set server {} state drain') }}",
    "system": "haproxy",
    "safety": "reversible",
    "wait": "{{ haproxy_is('$18 == \"DRAIN\"') }}",
    "wait_at_most": "5s",
}
READY = {**DRAIN, "id": "ready", "do": "Bring it back.", "run": DRAIN["run"].replace("drain", "ready")}
READY["wait"] = DRAIN["wait"].replace("DRAIN", "UP")


LOOK = {
    "id": "servers",
    "look": "See the servers.",
    "run": 'echo "show stat" | {{ haproxy_show }} | grep -c ^app,app-',
    "system": "haproxy",
    "normal": "Three.",
    "abnormal": "Two.",
    "empty": "None.",
}


@pytest.fixture(scope="module")
def guide() -> Guide:
    where = Lab(numbers.own().number, Path("/nonexistent"))
    return load(where.repo / "data", where.variables)


def a_rehearsal(**scenarios: dict[str, Any]) -> Rehearsal:
    titled = {name.replace("_", "-"): {"title": name, **each} for name, each in scenarios.items()}
    # a real one compares at least two scenarios
    spare = {"spare-1": {"title": "spare"}, "spare-2": {"title": "spare"}}
    load = {"targets": ["haproxy"], "requests_per_second": RATE, "seconds": 1}
    found = Rehearsal.model_validate({**load, "scenarios": {**titled, **spare}})
    return found.model_copy(update={"scenarios": {name: found.scenarios[name] for name in titled}})


def the_guide(where: Lab) -> Guide:
    return load(where.repo / "data", where.variables)


def a_runbook(guide: Guide, rehearsal: Rehearsal | None, **steps: list[dict[str, Any]]) -> Runbook:
    """A runbook with these steps, and a check that is green as long as nobody is marked."""
    phases = {
        name: Phase.model_validate({"steps": steps.get(name, []), "checks": checks})
        for name, checks in {
            "preconditions": ["haproxy-admin-state"],
            "mitigate": [],
            "verify": ["haproxy-admin-state"],
            "roll_back": [],
        }.items()
    }
    found = next(iter(guide.runbooks.values()))
    look = Confirm.model_validate(LOOK)
    changes = {**phases, "confirm": (look,), "rehearsal": rehearsal, "parameters": {}, "users": ()}
    return found.model_copy(update=changes)


def play(
    where: Lab,
    guide: Guide,
    procedure: Procedure,
    fleet: Callable[[Lab, str], list[Server]] = fleets.web,
    systems: tuple[str, ...] = fleets.WEB,
) -> Measured:
    """Rehearse in a lab with the servers of `fleet`, which are those of `systems`."""
    # commands are rendered for, and checks looked up by, the runbook of that name
    if isinstance(procedure, Runbook):
        guide = guide.model_copy(update={"runbooks": {procedure.id: procedure}})
    environment = fleets.part(guide.environments["lab"], *systems)
    name = f"{fleet.__module__}:{fleet.__name__}"
    return rehearse(guide, environment, procedure, where.number, fleet=name)


@pytest.fixture
def any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what a rehearsal does; how fast the machine is that they run on is no matter."""
    monkeypatch.setattr(rehearsals, "LATE_SHARE", 1.0)
    monkeypatch.setattr(course, "STARVED_SHARE", 1.0)


@pytest.mark.lab
@pytest.mark.usefixtures("any_machine")
def test_a_runbook_is_rehearsed_by_its_own_commands(where: Lab) -> None:
    guide = the_guide(where)
    rehearsal = a_rehearsal(
        undone={"roll_back": True, "lost_at_most": 0},
        not_undone={"roll_back": True, "skip": ["ready"], "lost_at_most": 0},
        left={"lost_at_most": 0, "red": ["haproxy-admin-state"]},
    )
    found = play(where, guide, a_runbook(guide, rehearsal, mitigate=[DRAIN], roll_back=[READY]))
    undone, not_undone, left = found.scenarios.values()

    assert (undone.problems, undone.differences) == ((), ())
    assert [(act.phase, act.target, act.exit_code) for act in undone.acts] == [
        ("confirm", "haproxy", 0),
        ("mitigate", "haproxy", 0),
        ("roll_back", "haproxy", 0),
    ]
    assert undone.seen["haproxy"].sent >= RATE
    assert undone.seen["haproxy"].lost_in_all == 0

    assert not_undone.differences
    assert all("admin: was 0, is 8" in difference for difference in not_undone.differences)
    assert len(not_undone.problems) == len(not_undone.differences)

    assert left.problems == ()
    assert gone_within(where, 5) == []


@pytest.mark.lab
@pytest.mark.usefixtures("any_machine")
def test_an_experiment_counts_what_an_accident_costs_and_what_is_done_twice(where: Lab) -> None:
    guide = the_guide(where)
    orders = {"given": ["app-killed"], "method": "POST", "path": "/orders?ms=300"}
    rehearsal = a_rehearsal(
        orders={**orders, "lost_at_most": 40},
        replayed={**orders, "overrides": {"haproxy-replays": "if METH_DELETE"}},
    )
    experiment = guide.experiments["backend-killed"].model_copy(update={"rehearsal": rehearsal})
    documented, replayed = play(where, guide, experiment).scenarios.values()

    assert documented.problems == ()
    assert 0 < documented.seen["haproxy"].lost_in_all < RATE
    assert documented.seen["haproxy"].lost_but_executed > 0
    assert documented.seen["haproxy"].executed_twice == 0
    assert replayed.seen["haproxy"].executed_twice > 0


SET = {
    "id": "set",
    "do": "Set it.",
    "run": """{{ as_operator(target) }} -c "alter system set work_mem = '9MB'" &&
{{ postgres_reload(target) }}""",
    "wait": "{{ postgres_reloaded(target) }} && {{ postgres_shows(target, 'work_mem', '9MB') }}",
    "wait_at_most": "10s",
    "system": "postgres",
    "role": "primary",
    "safety": "reversible",
}
RESET = {
    **SET,
    "do": "Set it back.",
    "run": SET["run"].replace("set work_mem = '9MB'", "reset work_mem"),
    "wait": "{{ postgres_reloaded(target) }}",
}


@pytest.mark.lab
@pytest.mark.usefixtures("any_machine")
def test_what_a_runbook_sets_in_the_database_is_missed_where_it_is_not_set_back(where: Lab) -> None:
    guide = the_guide(where)
    paused = {"given": ["replay-paused"], "on": {"replay-paused": "postgres-replica"}}
    rehearsal = a_rehearsal(
        undone={"roll_back": True, "lost_at_most": 0, "path": "/api/orders/{n}"},
        not_undone={"roll_back": True, "skip": ["reset"], "lost_at_most": 0, **paused},
    )
    reset = {**RESET, "id": "reset"}
    runbook = a_runbook(guide, rehearsal, mitigate=[SET], roll_back=[reset])
    found = play(where, guide, runbook, fleets.web_and_databases, fleets.WEB_AND_DATABASES)
    undone, not_undone = found.scenarios.values()
    assert (undone.problems, undone.differences) == ((), ())
    assert [act.target for act in undone.acts if act.phase == "mitigate"] == ["postgres-primary"]
    assert not_undone.differences is not None
    assert [each.partition(": was ")[0] for each in not_undone.differences] == [
        "postgres-primary: data/postgresql.auto.conf",
        "postgres-primary: setting > work_mem",
    ]


def broken(where: Lab, guide: Guide, name: str, **scenario: Any) -> list[str]:
    """At which targets a mutation of a scenario is brought about."""
    rehearsal = a_rehearsal(one={"given": [name], **scenario})
    runbook = a_runbook(guide, rehearsal)
    cast = Play(guide, guide.environments["lab"], where, runbook, rehearsal, rehearsal.scenarios["one"])
    return [target.id for target in cast.broken(name)]


@pytest.mark.parametrize(
    ("name", "scenario", "targets"),
    [
        pytest.param("server-drained", {}, ["haproxy"], id="the load balancer of the load"),
        pytest.param("app-killed", {}, ["app-1"], id="the server of the runbook"),
        pytest.param("reload-forgotten", {}, ["haproxy"], id="the nearest of several systems"),
        pytest.param("lock-held", {}, ["postgres-primary"], id="the primary"),
        pytest.param("redis-memory-short", {}, ["redis-cache"], id="the first of its system"),
        pytest.param(
            "redis-memory-short",
            {"on": {"redis-memory-short": "redis-sessions"}},
            ["redis-sessions"],
            id="the one that is named",
        ),
        pytest.param(
            "reload-forgotten", {"on": {"reload-forgotten": "pgbouncer"}}, ["pgbouncer"], id="not the nearest"
        ),
    ],
)
def test_a_mutation_is_brought_about_where_it_can_be(
    where: Lab, name: str, scenario: dict[str, Any], targets: list[str]
) -> None:
    assert broken(where, the_guide(where), name, **scenario) == targets


@pytest.mark.lab
@pytest.mark.usefixtures("any_machine")
def test_a_command_that_fails_ends_its_phase_and_the_lab_is_down_afterwards(where: Lab) -> None:
    guide = the_guide(where)
    failing = {"do": "Fail.", "run": "echo no room; exit 3", "safety": "reversible"}
    rehearsal = a_rehearsal(failing={"lost_at_most": 0})
    runbook = a_runbook(guide, rehearsal, mitigate=[failing, DRAIN])
    whole_lab = tuple({target.system for target in guide.environments["lab"].targets.values()})
    found = play(where, guide, runbook, whole.servers, whole_lab)

    assert found.scenarios["failing"].problems == ("mitigate: `Fail.` failed: no room",)
    assert [act.do for act in found.scenarios["failing"].acts] == ["See the servers.", "Fail."]
    assert found.problems == ("failing: mitigate: `Fail.` failed: no room",)
    assert found.versions.keys() >= {"nginx", "haproxy", "app", "postgres", "redis"}
    assert gone_within(where, 5) == []


@pytest.mark.lab
def test_a_configuration_that_a_server_refuses_ends_the_rehearsal_and_the_lab(where: Lab) -> None:
    guide = the_guide(where)
    rehearsal = a_rehearsal(refused={"overrides": {"haproxy-algorithm": "by-guess"}})
    with pytest.raises(NotRehearsed, match="refused"):
        play(where, guide, a_runbook(guide, rehearsal))
    assert gone_within(where, 5) == []


@pytest.mark.lab
def test_an_interrupt_leaves_nothing_running(where: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(self: Play) -> None:
        raise KeyboardInterrupt

    guide = the_guide(where)
    monkeypatch.setattr(Play, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        play(where, guide, a_runbook(guide, a_rehearsal(one={})))
    assert lifecycle.status(where.number).phase == "down"
    assert gone_within(where, 5) == []


@pytest.mark.lab
def test_a_lab_that_somebody_uses_is_left_alone(where: Lab) -> None:
    guide = the_guide(where)
    lifecycle.up(where.number, "small", fleet="tests.lab.fleets:light")
    with pytest.raises(LabError, match="is up"):
        play(where, guide, a_runbook(guide, a_rehearsal(one={})))
    assert lifecycle.status(where.number).is_ready


# ------------------------------------------------------------------------------------------ a busy machine


def a_course(lost: int, late: int = 0, pressure: float = 0.0) -> Course:
    seen = {"haproxy": Seen(100, 100 - lost, {"timeout": lost}, 0, None, {}, late)}
    return Course(seen, (), {}, None, False, {}, pressure)


def play_without_a_lab(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, *courses: Course, most: int | None = 0
) -> Seen:
    """What is kept of a scenario that takes these courses one after the other."""
    left = list(courses)
    monkeypatch.setattr("scaling_guide.lab.rehearsal._once", lambda play, fleet: left.pop(0))
    where = Lab(numbers.own().number, Path("/nonexistent"))
    found = play(where, guide, a_runbook(guide, a_rehearsal(one={"lost_at_most": most})))
    return found.scenarios["one"].seen["haproxy"]


def test_what_a_late_client_lost_is_not_held_against_the_server(
    monkeypatch: pytest.MonkeyPatch, guide: Guide
) -> None:
    courses = (a_course(lost=10, late=6), a_course(lost=8, late=40), a_course(lost=7, late=5))
    assert play_without_a_lab(monkeypatch, guide, *courses).lost_in_all == 7


def test_where_nothing_was_lost_a_late_client_does_not_matter(
    monkeypatch: pytest.MonkeyPatch, guide: Guide
) -> None:
    assert play_without_a_lab(monkeypatch, guide, a_course(lost=0, late=40)).late == 40


def test_a_machine_that_is_always_too_busy_measures_nothing(
    monkeypatch: pytest.MonkeyPatch, guide: Guide
) -> None:
    with pytest.raises(NotRehearsed, match="too busy"):
        play_without_a_lab(monkeypatch, guide, *[a_course(lost=1, late=6)] * 3)


def test_what_servers_lose_that_get_no_processor_is_not_held_against_them(
    monkeypatch: pytest.MonkeyPatch, guide: Guide
) -> None:
    starved, calm = a_course(lost=40, pressure=0.97), a_course(lost=7, pressure=0.5)
    assert play_without_a_lab(monkeypatch, guide, starved, calm).lost_in_all == 7
    kept = a_course(lost=0, pressure=0.97)
    assert play_without_a_lab(monkeypatch, guide, starved, kept).lost_in_all == 0
    with pytest.raises(NotRehearsed, match="too busy"):
        play_without_a_lab(monkeypatch, guide, *[starved] * 3)
    assert play_without_a_lab(monkeypatch, guide, starved, most=None).lost_in_all == 40


def test_what_is_only_shown_is_shown_at_its_best(monkeypatch: pytest.MonkeyPatch, guide: Guide) -> None:
    hurried, calm = a_course(lost=90, late=6), a_course(lost=30, late=0)
    assert play_without_a_lab(monkeypatch, guide, hurried, calm, most=None).lost_in_all == 30
    assert play_without_a_lab(monkeypatch, guide, *[hurried] * 3, most=None).lost_in_all == 90


# --------------------------------------------------------------------------------------- refused at once


def test_a_step_that_cannot_be_undone_needs_consent(guide: Guide) -> None:
    forever = {**DRAIN, "do": "Delete it.", "safety": "irreversible"}
    runbook = a_runbook(guide, a_rehearsal(one={}), mitigate=[forever])
    with pytest.raises(NotRehearsed, match="cannot be undone: `Delete it"):
        accepted(guide.environments["lab"], runbook)
    assert accepted(guide.environments["lab"], runbook, irreversible=True) == runbook.rehearsal


def test_a_runbook_without_a_rehearsal_is_refused(guide: Guide) -> None:
    with pytest.raises(NotRehearsed, match="has no rehearsal"):
        accepted(guide.environments["lab"], a_runbook(guide, None))


def test_a_mutation_that_nobody_knows_is_refused(guide: Guide) -> None:
    runbook = a_runbook(guide, a_rehearsal(one={"given": ["server-stolen"]}))
    with pytest.raises(NotRehearsed, match="server-stolen, which is no mutation"):
        accepted(guide.environments["lab"], runbook)


@pytest.mark.parametrize("target", ["memcached", "no-such-server"])
def test_a_mutation_on_a_target_that_has_no_such_thing_is_refused(guide: Guide, target: str) -> None:
    scenario = {"given": ["lock-held"], "on": {"lock-held": target}}
    with pytest.raises(NotRehearsed, match=f"lock-held on {target}"):
        accepted(guide.environments["lab"], a_runbook(guide, a_rehearsal(one=scenario)))


def test_only_what_is_given_can_be_on_a_target() -> None:
    with pytest.raises(ValidationError, match="lock-held, which is not `given`"):
        a_rehearsal(one={"on": {"lock-held": "postgres-primary"}})


def test_every_experiment_and_every_runbook_can_be_rehearsed(guide: Guide) -> None:
    rehearsed = [runbook for runbook in guide.runbooks.values() if runbook.rehearsal]
    assert len(rehearsed) >= 5
    for procedure in (*rehearsed, *guide.experiments.values()):
        accepted(guide.environments["lab"], procedure, irreversible=True)


def test_an_experiment_has_no_procedure(guide: Guide) -> None:
    assert all(not each.phases for each in guide.experiments.values() if isinstance(each, Experiment))
