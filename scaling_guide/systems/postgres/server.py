"""PostgreSQL: a primary made from nothing, and a replica made from the primary."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from signal import SIGHUP, SIGINT

import psycopg

from scaling_guide.lab import files, waiting
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.processes import ordinary_user
from scaling_guide.lab.server import ReloadRefused, Render, Server
from scaling_guide.systems.postgres import identities
from scaling_guide.systems.postgres.target import PostgresTarget

SUPERUSER = "postgres"
SCHEMA = Path(__file__).with_name("appdb.sql")
IDENTITIES = "identities.sql"
ANSWER_SECONDS = 2
RELOAD_SECONDS = 5.0
FOLLOW_SECONDS = 15.0
START_SECONDS = 15.0
RECEIVE_SECONDS = 3.0
# between the address and the socket of a server that starts
OPEN_SECONDS = 0.5
# for the files that let the superuser in again to be read
LOCKED_SECONDS = 1.0
PREPARE_SECONDS = 60.0

# uses the one large index that the lab's application never needs, so that each of them is in use
LOOKUP = "select id from app.orders where customer_id = 1 order by created_at limit 1"

# checkpoints at the start, after a crash or for a copy are none that the load has forced
FORGET = "select pg_stat_reset_shared('bgwriter') from pg_stat_bgwriter where checkpoints_req > 0"

# nothing of the caller's environment may point a client elsewhere
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def server(
    lab: Lab,
    target: PostgresTarget,
    render: Render,
    upstream: PostgresTarget | None = None,
) -> Server:
    """The server that this target describes: a primary with the application's database, or a replica."""
    user = ordinary_user("postgres")
    directory = lab.directory(target.id)
    verifiers = identities.verifiers(lab)

    def prepare() -> None:
        texts = render()
        files.write(directory, texts)
        identities.private_directory(Path(target.data), user)
        identities.private_directory(Path(target.sockets), user)
        if upstream is None:
            _initialise(target, user)
            _bootstrap(target, user, texts[IDENTITIES], verifiers)
        else:
            _clone(target, upstream, user)

    async def ready(pid: int) -> str | None:
        await _opened(target)
        missing = await asyncio.to_thread(_missing, target)
        if missing is None and upstream is None:
            await asyncio.to_thread(execute, target, f"{LOOKUP}; {FORGET}")
        return missing

    async def reload(pid: int) -> None:
        await reloaded(pid, target)

    if target.replication_passfile:
        identities.own(Path(target.replication_passfile), user)
    return Server(
        name=target.id,
        argv=(f"{target.binaries}/postgres", "-c", f"config_file={target.config}"),
        binds=(Bind(target.address, target.port),),
        needs=(upstream.id,) if upstream else (),
        user=user,
        prepare=prepare,
        ready=ready,
        reload=reload,
        # the smart shutdown waits for clients, and a pool never leaves
        stop_signal=SIGINT,
        halt_signal=SIGINT,
        stop_seconds=20.0,
        start_seconds=START_SECONDS,
    )


# ------------------------------------------------------------------------------------------- preparation


def _initialise(target: PostgresTarget, user: str | None) -> None:
    options = ("--auth=peer", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums")
    _run(target, user, f"{target.binaries}/initdb", "-D", target.data, "-U", SUPERUSER, *options)


def _bootstrap(target: PostgresTarget, user: str | None, sql: str, verifiers: dict[str, str]) -> None:
    """The database, its data and who may use it, by a single process that nobody can connect to."""
    passwords = [
        f"alter role {role} password '{verifier}';"
        for role, verifier in verifiers.items()
        if role != "pgbouncer_admin"
    ]
    # statistics and a visibility map, as a database that has lived for a while has them
    rest = [*passwords, "vacuum analyze;"]
    _single(target, user, "template1", f"create database {target.database};\n\n")
    _single(target, user, target.database, SCHEMA.read_text() + sql + "\n" + "\n\n".join(rest) + "\n\n")


def _single(target: PostgresTarget, user: str | None, database: str, sql: str) -> None:
    settings = {"wal_level": "minimal", "max_wal_senders": "0", "shared_preload_libraries": ""}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    argv = (f"{target.binaries}/postgres", "--single", "-j", "-F", "-D", target.data, *options, database)
    said = _run(target, user, *argv, given=sql)
    errors = [line for line in said.splitlines() if "ERROR:" in line or "FATAL:" in line]
    if errors:
        raise LabError(f"{target.id}: {errors[0]}", target.id)


def rebuild(target: PostgresTarget, upstream: PostgresTarget) -> None:
    """Make a replica that is down anew from its primary, which has its slot still. Raises LabError."""
    user = ordinary_user("postgres")
    shutil.rmtree(target.data)
    identities.private_directory(Path(target.data), user)
    _clone(target, upstream, user, slot=())


def _clone(
    target: PostgresTarget, upstream: PostgresTarget, user: str | None, slot: tuple[str, ...] = ("-C",)
) -> None:
    """A copy of the primary that holds its place in the primary's log by a slot of its own."""
    where = ("-h", upstream.address, "-p", str(upstream.port), "-U", "replicator")
    how = ("-D", target.data, "-X", "stream", "-c", "fast", "--no-sync", *slot, "-S", str(target.slot))
    _run(
        target,
        user,
        *(f"{target.binaries}/pg_basebackup", "--no-password", *where, *how),
        environ={"PGPASSFILE": str(target.replication_passfile)},
    )
    execute(upstream, FORGET)
    standby = Path(target.data) / "standby.signal"
    standby.touch(mode=0o600)
    identities.own(standby, user)


def _run(
    target: PostgresTarget,
    user: str | None,
    *argv: str,
    given: str = "",
    environ: dict[str, str] | None = None,
) -> str:
    """What a program that runs as the server's user says. Raises LabError with that when it fails."""
    done = subprocess.run(
        argv,
        input=given,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PREPARE_SECONDS,
        cwd="/",
        env={**_ENVIRONMENT, **(environ or {})},
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        said = tuple(done.stdout.splitlines()[-5:])
        raise LabError(f"{target.id}: {Path(argv[0]).name} ended with {done.returncode}", target.id, said)
    return done.stdout


# ----------------------------------------------------------------------------------------------- running


def superuser(target: PostgresTarget, database: str = "postgres") -> psycopg.Connection[tuple[str, ...]]:
    """A connection over the server's own socket as the superuser, which only its operator may have.

    `options` is empty so that no PGOPTIONS of the caller gets in. Raises psycopg.Error.
    """
    return psycopg.connect(
        host=target.sockets,
        port=target.port,
        user=SUPERUSER,
        dbname=database,
        connect_timeout=ANSWER_SECONDS,
        options="-c statement_timeout=30s",
        autocommit=True,
    )


def execute(target: PostgresTarget, sql: str, database: str | None = None) -> None:
    """Have the superuser run statements in the application's database, or another."""
    with superuser(target, database or target.database) as connection:
        connection.execute(sql.encode())


def ask(target: PostgresTarget, sql: str, database: str | None = None) -> list[tuple[str, ...]]:
    """The rows of a query by the superuser. Raises psycopg.Error."""
    with superuser(target, database or "postgres") as connection:
        return connection.execute(sql.encode()).fetchall()


async def _opened(target: PostgresTarget) -> None:
    """Raise LabError where a server that listens at its address did not open its socket beside it."""
    socket = Path(target.sockets) / f".s.PGSQL.{target.port}"
    if not socket.exists():
        await asyncio.sleep(OPEN_SECONDS)
    if not socket.exists():
        raise LabError(f"{target.id}: there is no {socket}", target.id)


def _missing(target: PostgresTarget) -> str | None:
    """What is not yet as it must be: the server behind the socket is ours, and a replica follows."""
    try:
        rows = ask(target, "select system_identifier::text, current_setting('data_directory'), "
                   "pg_is_in_recovery()::text, (select status from pg_stat_wal_receiver) "
                   "from pg_control_system()")  # fmt: skip
    except psycopg.Error as error:
        return f"it did not answer ({str(error).strip().splitlines()[-1]})"
    identifier, data, recovering, receiver = rows[0]
    if data != target.data:
        raise LabError(f"{target.id}: the server at {target.sockets} works in {data}", target.id)
    if identifier != system_identifier(Path(target.data)):
        raise LabError(f"{target.id}: the server at {target.sockets} is another cluster", target.id)
    if target.upstream and receiver != "streaming":
        return f"it does not stream from {target.upstream}: in recovery {recovering}, receiver {receiver}"
    return None


def system_identifier(data: Path) -> str:
    """The number that a cluster got when it was made, from the first eight bytes of its control file."""
    with (data / "global" / "pg_control").open("rb") as file:
        return str(int.from_bytes(file.read(8), "little"))


_PROBLEMS = """
select 'postgresql.conf line ' || coalesce(f.sourceline, 0) || ': ' || f.error from pg_file_settings f
  where f.error is not null
  -- said of a line that is gone, without the name of the setting
  and f.error not like '%cannot be changed without restarting%'
  and not exists (select from pg_settings s where s.name = f.name and s.pending_restart)
union all
select 'pg_hba.conf line ' || line_number || ': ' || error from pg_hba_file_rules where error is not null
"""


_LOCKED_OUT = re.compile("no pg_hba.conf entry|authentication failed")


async def reloaded(pid: int, target: PostgresTarget, seconds: float = RELOAD_SECONDS) -> frozenset[str]:
    """Send HUP, and return the settings that wait for a restart once all others are in force.

    Raises ReloadRefused where a file has an error, which PostgreSQL only writes to its log, or keeps the
    superuser out, and TimeoutError.
    """
    # who was locked out by a file before can look again once it is mended
    before = None
    with contextlib.suppress(psycopg.Error):
        before = await asyncio.to_thread(_loaded, target)

    began = time.monotonic()

    async def missing() -> str | None:
        try:
            problems = await asyncio.to_thread(ask, target, _PROBLEMS)
            loaded = await asyncio.to_thread(_loaded, target)
        except psycopg.Error as error:
            said = str(error).strip().splitlines()[-1]
            if _LOCKED_OUT.search(said) and time.monotonic() - began > LOCKED_SECONDS:
                raise ReloadRefused(said) from None
            return f"it did not answer ({said})"
        if problems:
            raise ReloadRefused(str(problems[0][0]))
        return None if loaded != before else "it had not read its files"

    os.kill(pid, SIGHUP)
    await waiting.until(missing, seconds)
    pending = await asyncio.to_thread(ask, target, "select name from pg_settings where pending_restart")
    return frozenset(name for (name,) in pending)


def read_at_start(target: PostgresTarget) -> frozenset[str]:
    """The settings that take effect by a restart alone. Raises psycopg.Error."""
    rows = ask(target, "select name from pg_settings where context = 'postmaster'")
    return frozenset(name for (name,) in rows)


def _loaded(target: PostgresTarget) -> str:
    return ask(target, "select pg_conf_load_time()::text")[0][0]


async def received(target: PostgresTarget) -> None:
    """Wait a moment for a replica to stream by the slot that its file names; it may have no way to."""
    if target.upstream is None:
        return

    async def missing() -> str | None:
        with contextlib.suppress(psycopg.Error):
            rows = await asyncio.to_thread(ask, target, _RECEIVER)
            return None if rows else "it did not stream by its slot"
        return "it did not answer"

    with contextlib.suppress(TimeoutError):
        await waiting.until(missing, RECEIVE_SECONDS)


_RECEIVER = """
select status from pg_stat_wal_receiver where status = 'streaming'
and coalesce(slot_name, '') = current_setting('primary_slot_name')
"""


async def followed(target: PostgresTarget, replicas: int, seconds: float = FOLLOW_SECONDS) -> None:
    """Return once that many replicas stream from the primary again. Raises TimeoutError."""

    async def missing() -> str | None:
        try:
            found = await asyncio.to_thread(streaming, target)
        except psycopg.Error as error:
            return f"it did not answer ({str(error).strip().splitlines()[-1]})"
        return None if found >= replicas else f"{found} of {replicas} replicas streamed"

    await waiting.until(missing, seconds)


def streaming(target: PostgresTarget) -> int:
    """How many replicas stream from this server now. Raises psycopg.Error."""
    counted = "select count(*)::text from pg_stat_replication where state = 'streaming'"
    # a base backup streams too
    return int(ask(target, f"{counted} and application_name <> 'pg_basebackup'")[0][0])
