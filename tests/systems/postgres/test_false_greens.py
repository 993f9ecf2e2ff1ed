"""Checks that everybody writes and that stay green on a broken database: here against real servers.

Each test breaks a running server, shows what the usual query says of it, and that the probe is not taken in.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations import mutations_of
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.probes.observation import Failure, Observation, Undetermined
from scaling_guide.probes.observe import observe
from scaling_guide.systems.pgbouncer import server as pgbouncer
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres import server as postgres
from scaling_guide.systems.postgres.target import PostgresTarget
from tests.lab import fleets
from tests.lab.conftest import up

# these run beside the lab's own tests, so they have the machine's patience and not the environment's
SECONDS = 8.0


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    with up(fleets.databases) as where:
        yield where


@pytest.fixture(scope="module")
def guide(where: Lab) -> Guide:
    found, _ = examine(where.repo / "data", where.variables)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def environment(guide: Guide) -> Environment:
    return guide.environments["lab"].model_copy(update={"tier": "small"})


@pytest.fixture(scope="module")
def primary(environment: Environment) -> PostgresTarget:
    return target(environment, "postgres-primary")


@pytest.fixture(scope="module")
def replica(environment: Environment) -> PostgresTarget:
    return target(environment, "postgres-replica")


def target(environment: Environment, name: str) -> PostgresTarget:
    found = environment.targets[name]
    assert isinstance(found, PostgresTarget)
    return found


def looked(environment: Environment, probe: str, name: str) -> Mapping[str, Any]:
    result = observe(environment, [(probe, name)], SECONDS)[(probe, name)]
    assert isinstance(result, Observation), result
    return result.values


@contextmanager
def broken(guide: Guide, environment: Environment, where: Lab, name: str, mutation: str) -> Iterator[None]:
    """A target broken by a mutation of the lab, for the body of the `with`."""
    bench = Bench(guide, environment, environment.targets[name], where)
    runner = asyncio.Runner()
    breakage = mutations_of(bench.target.system)[mutation](bench)
    runner.run(breakage.__aenter__())
    try:
        yield
    finally:
        runner.run(breakage.__aexit__(None, None, None))
        runner.run(bench.restore())
        runner.close()


def as_checker(target: PostgresTarget, query: str, **options: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(
        host=target.address,
        port=target.port,
        user=target.user,
        dbname=target.database,
        passfile=target.passfile,
        autocommit=True,
        **options,
    ) as connection:
        return connection.execute(query.encode()).fetchall()


def test_f1_a_lag_of_zero_without_a_receiver(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    usual = """
        select case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
          else extract(epoch from now() - pg_last_xact_replay_timestamp()) end
    """
    with broken(guide, environment, where, replica.id, "receiver-misdirected"):
        assert as_checker(replica, usual)[0][0] == 0
        values = looked(environment, "postgres_replication", replica.id)
        assert values["receiver > status"] != "streaming"
        assert values["catch-up > reached"].startswith("no")
        assert looked(environment, "postgres_replication", primary.id)["replicas > missing"] == replica.slot


def test_f2_a_replay_lag_that_was_small_before_replay_was_paused(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    usual = "select coalesce(extract(epoch from replay_lag), 0) from pg_stat_replication"
    with broken(guide, environment, where, replica.id, "replay-far-behind"):
        assert as_checker(primary, usual)[0][0] < 5
        values = looked(environment, "postgres_replication", replica.id)
        assert values["replay"] == "paused"
        assert int(values["lag"].removesuffix("B")) > 64 * 2**20


def test_f3_seconds_of_lag_on_a_pair_with_nothing_to_replay(
    environment: Environment, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    postgres.execute(primary, "select pg_logical_emit_message(true, 'test', 'x')")
    time.sleep(1.2)
    usual = "select extract(epoch from now() - pg_last_xact_replay_timestamp())"
    assert as_checker(replica, usual)[0][0] > 1
    values = looked(environment, "postgres_replication", replica.id)
    assert (values["catch-up > reached"], values["lag"]) == ("yes", "0B")


def test_f4_a_full_sequence_that_the_checker_may_not_read(
    environment: Environment, primary: PostgresTarget
) -> None:
    usual = "select sequencename from pg_sequences where last_value > 0.7 * max_value"
    postgres.execute(primary, "create sequence app.f4 as smallint; select setval('app.f4', 30000)")
    try:
        assert as_checker(primary, usual) == []
        values = looked(environment, "postgres_health", primary.id)
        assert values["sequences > hidden"] == "app.f4"
        postgres.execute(primary, "grant select on sequence app.f4 to scaling_ro")
        values = looked(environment, "postgres_health", primary.id)
        assert (values["sequences > hidden"], values["sequences > fullest"]) == ("none", "91.6%")
    finally:
        postgres.execute(primary, "drop sequence app.f4")


def test_f5_bloat_that_pg_stats_does_not_show(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget
) -> None:
    with broken(guide, environment, where, primary.id, "table-bloated"):
        assert as_checker(primary, "select count(*) from pg_stats where schemaname = 'app'") == [(0,)]
        share = looked(environment, "postgres_health", primary.id)["bloat > worst table"]
        assert float(share.removesuffix("%")) > 20


def test_f6_a_limit_of_the_checkers_own_is_not_the_servers(
    environment: Environment, primary: PostgresTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = "select setting, reset_val from pg_settings where name = 'statement_timeout'"
    assert as_checker(primary, usual, options="-c statement_timeout=7s") == [("7000", "7000")]
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=7s")
    values = looked(environment, "postgres_settings", primary.id)
    assert values["setting > statement_timeout"] == "30000ms"
    postgres.execute(primary, "alter role scaling_ro set statement_timeout = '7s'")
    try:
        values = looked(environment, "postgres_settings", primary.id)
        # a role that checks has no settings, or all that it reads is its own
        assert values["overrides > undocumented"] == "statement_timeout of scaling_ro in all"
    finally:
        postgres.execute(primary, "alter role scaling_ro reset all")


def test_f7_show_tells_the_old_value_after_a_reload(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget
) -> None:
    before = as_checker(primary, "show shared_buffers")
    with broken(guide, environment, where, primary.id, "restart-forgotten"):
        assert as_checker(primary, "show shared_buffers") == before
        assert looked(environment, "postgres_settings", primary.id)["pending restart"] == "shared_buffers"
    assert looked(environment, "postgres_settings", primary.id)["pending restart"] == "none"


def test_f9_clients_that_the_kernel_does_not_let_in(
    guide: Guide, environment: Environment, where: Lab
) -> None:
    pooler = environment.targets["pgbouncer"]
    assert isinstance(pooler, PgbouncerTarget)
    with limited(where, pooler, 64):
        assert int(pgbouncer.settings(where, pooler)["max_client_conn"][0]) > 64
        values = looked(environment, "pgbouncer_process", pooler.id)
        assert values["limits > open files"] == 64
        assert values["limits > spare files"] < 0


@contextmanager
def limited(where: Lab, pooler: PgbouncerTarget, files: int) -> Iterator[None]:
    limits = Path(pooler.directory) / pgbouncer.LIMITS
    kept = limits.read_text()
    limits.write_text(f"[Service]\nLimitNOFILE={files}\n")
    lifecycle.command("restart", pooler.id, where.number)
    try:
        yield
    finally:
        limits.write_text(kept)
        lifecycle.command("restart", pooler.id, where.number)


def test_f10_the_process_is_found_by_its_port_and_not_by_its_name(
    environment: Environment, where: Lab, tmp_path: Path
) -> None:
    """Another process of the same name, with fewer files, is started later and is not looked at."""
    pooler = environment.targets["pgbouncer"]
    before = looked(environment, "pgbouncer_process", pooler.id)["limits > open files"]
    impostor = tmp_path / "pgbouncer"
    impostor.write_bytes(Path("/bin/sleep").read_bytes())
    impostor.chmod(0o755)
    pid = os.spawnlp(os.P_NOWAIT, "prlimit", "prlimit", "--nofile=32", "--", str(impostor), "60")
    try:
        deadline = time.monotonic() + SECONDS
        while Path(f"/proc/{pid}/comm").read_text().strip() != "pgbouncer":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert looked(environment, "pgbouncer_process", pooler.id)["limits > open files"] == before
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


def test_f13_read_only_is_a_matter_of_rights_and_not_of_a_setting(primary: PostgresTarget) -> None:
    """The checker may turn `default_transaction_read_only` off; it can write nothing all the same."""
    for statement in (
        "create table public.f13 (n int)",
        "create temporary table f13 (n int)",
        "insert into app.customers (email, created_at) values ('f13', now())",
        "select count(*) from app.customers",
        "select pg_read_file('postgresql.conf')",
        "select * from pg_file_settings",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_checker(primary, f"set default_transaction_read_only = off; {statement}")


def test_an_index_that_only_the_replica_uses_is_used(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    usual = "select indexrelname from pg_stat_user_indexes where idx_scan = 0 and indexrelname = 'proof'"
    with postgres.superuser(primary, primary.database) as owner:
        owner.execute(b"create index young on app.orders (created_at, id, total)")
        young = looked(environment, "postgres_health", primary.id)["indexes > unused"]
        owner.execute(b"drop index app.young")
    assert isinstance(young, Undetermined)
    assert "30 are needed" in young.because
    with broken(guide, environment, where, primary.id, "index-unused"):
        assert as_checker(primary, usual) == [("proof",)]
        values = looked(environment, "postgres_health", primary.id)
        assert "app.proof" in values["indexes > unused"]
        with postgres.superuser(replica, replica.database) as reader:
            reader.execute(b"set enable_seqscan = off")
            reader.execute(b"select count(total) from app.orders where created_at = now()")
        assert as_checker(primary, usual) == [("proof",)]
        deadline = time.monotonic() + SECONDS
        while "app.proof" in looked(environment, "postgres_health", primary.id)["indexes > unused"]:
            assert time.monotonic() < deadline
        lifecycle.command("stop", replica.id, where.number)
        try:
            alone = looked(environment, "postgres_health", primary.id)["indexes > unused"]
            assert isinstance(alone, Undetermined)
            assert "a replica may use them" in alone.because
        finally:
            lifecycle.command("start", replica.id, where.number)


def test_the_oldest_view_is_found_wherever_it_is(
    guide: Guide, environment: Environment, where: Lab, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    """By sessions of the primary alone nobody would be seen: the query runs on the replica."""
    usual = "select max(age(backend_xmin)) from pg_stat_activity where pid <> pg_backend_pid()"
    with broken(guide, environment, where, primary.id, "horizon-held-by-replica"):
        assert (as_checker(primary, usual)[0][0] or 0) < 1000
        values = looked(environment, "postgres_health", primary.id)
        assert values["horizon > held back"] > 20_000
        assert values["horizon > held back > holder"] == f"slot {replica.slot}"


def test_whoever_sees_past_an_old_transaction_is_not_taken_for_the_one_that_holds(
    environment: Environment, primary: PostgresTarget, replica: PostgresTarget
) -> None:
    """Every session looks as old as the oldest transaction with a number; to end them all is no way out."""
    with ExitStack() as stack:
        reader, writer = (stack.enter_context(postgres.superuser(primary)) for _ in range(2))
        writer.execute(b"begin; select pg_current_xact_id()")
        reader.execute(b"begin isolation level repeatable read; select 1")
        # the replica tells that it needs nothing older
        postgres.execute(replica, "select pg_reload_conf()")
        holder, deadline = "slot", time.monotonic() + SECONDS
        while holder.startswith("slot") and time.monotonic() < deadline:
            values = looked(environment, "postgres_health", primary.id)
            holder = values["horizon > held back > holder"]
        assert holder == f"session {writer.info.backend_pid} of postgres"


def test_a_server_without_connections_left_is_red_and_not_unreachable(
    guide: Guide, environment: Environment, primary: PostgresTarget
) -> None:
    fact = guide.facts["postgres-connections-used"]
    with ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            for _ in range(200):
                stack.enter_context(
                    psycopg.connect(
                        host=primary.address,
                        user="app",
                        dbname=primary.database,
                        passfile=str(Path(primary.passfile).with_name("app.pgpass")),
                    )
                )
        values = looked(environment, "postgres_connections", primary.id)
        assert "remaining connection slots are reserved" in values["refused"]
        assert not fact.claim(environment).judge(values).met
        other = observe(environment, [("postgres_settings", primary.id)], SECONDS)
        failure = other[("postgres_settings", primary.id)]
        assert isinstance(failure, Failure)
        assert failure.outcome == "unreachable"


def test_no_password_is_read_or_reported(where: Lab, environment: Environment) -> None:
    """Every value of every probe, of servers whose primary_conninfo could hold a password."""
    needs = [
        (probe, name)
        for name in ("postgres-primary", "postgres-replica")
        for probe in ("postgres_settings", "postgres_replication", "postgres_files")
    ]
    seen = str(observe(environment, [*needs, ("pgbouncer_console", "pgbouncer")], SECONDS))
    secrets = [*identities.passwords(where).values(), *identities.verifiers(where).values()]
    assert not [secret for secret in secrets if secret in seen]
    assert "passfile=" not in seen
