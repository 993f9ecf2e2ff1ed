"""What an operator has set, and what is otherwise later."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pymemcache import Client

from scaling_guide.lab import state, waiting
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.state import State
from scaling_guide.lab.state.marks import marks_of
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.probes.observation import Failure, Observation, Result
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.redis.server import operator
from scaling_guide.systems.redis.state import directives

HAPROXY = {
    "state > app > app-1 > admin": 0,
    "state > app > app-2 > admin": 0,
    "state > app > app-1 > weight": 100,
    "stat > app > app-1 > status": "UP",
    "info > Maxconn": "8000",
}


@pytest.fixture(scope="module")
def guide() -> Guide:
    where = Lab(7, Path("/nonexistent"))
    return load(where.repo / "data", where.variables)


@pytest.fixture
def lab(tmp_path: Path, guide: Guide) -> Lab:
    """A lab with a file for each server, and nothing that runs."""
    where = Lab(7, tmp_path)
    for name in guide.environments["lab"].targets:
        where.directory(name).mkdir()
        (where.directory(name) / "config").write_text("one")
    return where


def read(monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab, haproxy: dict[str, object]) -> State:
    """The state of that lab, where HAProxy says this and the others say nothing."""

    def observe(environment: Environment, needs: list[tuple[str, str]]) -> dict[tuple[str, str], Result]:
        return {
            (probe, name): Observation(probe, name, "2.6.12", "", 0.0, haproxy)
            if name == "haproxy"
            else Failure(probe, name, "unreachable", "refused", "", 0.0)
            for probe, name in needs
        }

    monkeypatch.setattr(state, "observe", observe)
    monkeypatch.setattr(state, "marks_of", lambda system: replace(marks_of(system), asked=None))
    return state.read(guide.environments["lab"], lab)


def test_each_setting_is_told_apart(monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    after = read(monkeypatch, guide, lab, {**HAPROXY, "state > app > app-1 > admin": 8})
    assert before.differences(after) == ("haproxy: state > app > app-1 > admin: was 0, is 8",)


def test_what_health_checks_make_of_it_does_not_count(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    after = read(monkeypatch, guide, lab, {**HAPROXY, "stat > app > app-1 > status": "DOWN"})
    assert before.differences(after) == ()


def test_a_file_that_changed_came_or_went_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    (lab.directory("nginx") / "config").write_text("two")
    (lab.directory("nginx") / "config.before-drain").write_text("one")
    (lab.directory("app-1") / "config").unlink()
    differences = before.differences(read(monkeypatch, guide, lab, HAPROXY))
    assert [each.partition(": was ")[0] for each in differences] == [
        "app-1: config",
        "nginx: config",
        "nginx: config.before-drain",
    ]
    assert differences[0].endswith("is absent")
    assert ": was absent, is " in differences[2]


def test_notes_of_commands_and_pid_files_do_not_count(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    for name in ("workers.before", "state", "nginx.pid", "loaded.before"):
        (lab.directory("nginx") / name).write_text("1")
    assert before.differences(read(monkeypatch, guide, lab, HAPROXY)) == ()


def test_a_load_balancer_that_answers_no_more_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    found = State({}, {}).differences(read(monkeypatch, guide, lab, HAPROXY))
    assert "nginx: answers: was absent, is refused" in found
    assert not any(each.startswith("app-1: answers") for each in found)


# ------------------------------------------------------------------------------------ what servers write


def write(lab: Lab, name: str, text: str) -> None:
    path = lab.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_a_server_writes_by_itself_does_not_count(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    write(lab, "postgres-primary/data/base/1/2619", "rows")
    write(lab, "redis-cache/dump.rdb", "keys")
    write(lab, "redis-sessions/appendonlydir/appendonly.aof.2.incr.aof", "keys")
    write(lab, "sentinel-1/sentinel.conf", "sentinel current-epoch 7")
    write(lab, "host/proc/net/snmp", "Tcp: 1")
    assert before.differences(read(monkeypatch, guide, lab, HAPROXY)) == ()


def test_a_setting_of_the_kernel_is_shown_as_it_is(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    write(lab, "host/proc/sys/vm/swappiness", "10\n")
    before = read(monkeypatch, guide, lab, HAPROXY)
    write(lab, "host/proc/sys/vm/swappiness", "60\n")
    after = read(monkeypatch, guide, lab, HAPROXY)
    assert before.differences(after) == ("host: proc/sys/vm/swappiness: was 10, is 60",)


WRITTEN = """
# by hand
dir /var/lib/redis
save ""
maxmemory 1gb
replicaof 10.0.0.1 6379
"""
REWRITTEN = """
# by hand
dir "/var/lib/redis"
save ""
maxmemory 1gb

# Generated by CONFIG REWRITE
masterauth "secret"
latency-tracking-info-percentiles 50 99 99.9
"""


def test_a_file_that_redis_wrote_anew_is_the_same_file() -> None:
    assert directives(WRITTEN) == directives(REWRITTEN)
    assert directives(WRITTEN)["save"] == ""


def test_a_directive_that_somebody_changed_is_told_by_its_name() -> None:
    assert directives(WRITTEN.replace("1gb", "2gb"))["maxmemory"] == "2gb"


# ------------------------------------------------------------------------------------------ real servers

Change = Callable[[Environment, Lab], None]


def sql(*statements: str) -> Change:
    def change(place: Environment, where: Lab) -> None:
        for statement in statements:
            postgres.execute(place.targets["postgres-primary"], statement)

    return change


def console(command: str) -> Change:
    return lambda place, where: pgbouncer.tell(where, place.targets["pgbouncer"], command)


def told(target: str, *words: str) -> Change:
    def change(place: Environment, where: Lab) -> None:
        with operator(place.targets[target]) as connection:
            connection.execute_command(*words)

    return change


def memory(megabytes: int) -> Change:
    def change(place: Environment, where: Lab) -> None:
        client = Client((place.targets["memcached"].address, 11211))
        client.cache_memlimit(megabytes)
        client.close()

    return change


RELOAD = "select pg_reload_conf()"
INDEX = "create index state_test on app.orders (status)"

CHANGES: dict[str, tuple[Change, Change, set[str]]] = {
    "a setting of postgres": (
        sql("alter system set work_mem = '9MB'", RELOAD),
        sql("alter system reset work_mem", RELOAD),
        {"postgres-primary: data/postgresql.auto.conf", "postgres-primary: setting > work_mem"},
    ),
    "a setting that waits": (
        sql("alter system set max_connections = 150", RELOAD),
        sql("alter system reset max_connections", RELOAD),
        {
            "postgres-primary: data/postgresql.auto.conf",
            "postgres-primary: pending restart > max_connections",
        },
    ),
    "a limit of a role": (
        sql("alter role app connection limit 50"),
        sql("alter role app connection limit -1"),
        {"postgres-primary: role > app"},
    ),
    "a setting of a role": (
        sql("alter role worker set work_mem = '64MB'"),
        sql("alter role worker reset work_mem"),
        {"postgres-primary: role > worker in all > work_mem"},
    ),
    "a slot": (
        sql("select pg_create_physical_replication_slot('state_test')"),
        sql("select pg_drop_replication_slot('state_test')"),
        {"postgres-primary: slot > state_test"},
    ),
    "an index": (sql(INDEX), sql("drop index app.state_test"), {"postgres-primary: index > state_test"}),
    "a constraint": (
        sql("alter table app.orders add constraint state_test check (total >= 0) not valid"),
        sql("alter table app.orders drop constraint state_test"),
        {"postgres-primary: constraint > orders > state_test"},
    ),
    "a pool that is paused": (
        console("PAUSE appdb_ro"),
        console("RESUME appdb_ro"),
        {"pgbouncer: database > appdb_ro > paused"},
    ),
    "the size of the pools": (
        console("SET query_wait_timeout = 7"),
        console("RELOAD"),
        {"pgbouncer: config > query_wait_timeout"},
    ),
    "the memory of redis": (
        told("redis-cache", "CONFIG", "SET", "maxmemory-samples", "7"),
        told("redis-cache", "CONFIG", "SET", "maxmemory-samples", "5"),
        {"redis-cache: config > maxmemory-samples"},
    ),
    "a user of redis": (
        told("redis-cache", "ACL", "SETUSER", "intruder", "on", ">word"),
        told("redis-cache", "ACL", "DELUSER", "intruder"),
        {"redis-cache: user > intruder"},
    ),
    "a rule of sentinel": (
        told("sentinel-3", "SENTINEL", "SET", "sessions", "failover-timeout", "70000"),
        told("sentinel-3", "SENTINEL", "SET", "sessions", "failover-timeout", "60000"),
        {"sentinel-3: failover-timeout"},
    ),
    "the memory of memcached": (memory(100), memory(2048), {"memcached: memory > limit in MiB"}),
}


def changed(before: State, place: Environment, where: Lab) -> set[str]:
    return {each.partition(": was ")[0] for each in before.differences(state.read(place, where))}


async def _becomes(wanted: set[str], before: State, place: Environment, where: Lab) -> None:
    async def missing() -> str | None:
        found = await asyncio.to_thread(changed, before, place, where)
        return None if found == wanted else f"{found} changed"

    await waiting.until(missing, 10)


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_operator_sets_is_seen_and_its_undoing_too(live: Lab, name: str) -> None:
    place = load(live.repo / "data", live.variables).environments["lab"]
    change, undo, names = CHANGES[name]
    before = state.read(place, live)
    change(place, live)
    try:
        asyncio.run(_becomes(names, before, place, live))
    finally:
        undo(place, live)
    asyncio.run(_becomes(set(), before, place, live))


def test_what_happens_by_itself_in_a_running_lab_changes_nothing(live: Lab) -> None:
    place = load(live.repo / "data", live.variables).environments["lab"]
    before = state.read(place, live)
    sql("reindex index app.orders_open", "vacuum app.customers", "checkpoint")(place, live)
    told("redis-sessions", "BGREWRITEAOF")(place, live)
    told("redis-cache", "CONFIG", "REWRITE")(place, live)
    assert changed(before, place, live) == set()


def test_what_differs_holds_no_password(live: Lab) -> None:
    place = load(live.repo / "data", live.variables).environments["lab"]
    shown = "\n".join(state.read(place, live).values.values())
    secrets = [*(live.root / "passwords").iterdir(), *(live.root / "pgpass").glob("*.pgpass")]
    assert len(secrets) > 5
    for path in secrets:
        assert path.read_text().strip().rpartition(":")[2] not in shown
