"""PgBouncer: one process, no pid file, asked and told over its own console."""

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM
from typing import Any

import psycopg

from scaling_guide.lab import files, waiting
from scaling_guide.lab.ca import write_secret
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.ports import Bind
from scaling_guide.lab.processes import ordinary_user
from scaling_guide.lab.server import ReloadRefused, Render, Server
from scaling_guide.model.environments import Environment
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities

ADMINISTRATOR = "pgbouncer_admin"
APPLICATION = "app"
LIMITS = "limits.conf"
ANSWER_SECONDS = 2
START_SECONDS = 15.0
RELOAD_SECONDS = 0.5

# its value is told in octal, its default in decimal
_SHOWN_OTHERWISE = "unix_socket_mode"
# systemd reads the limit from its drop-in; here the shell does
_LIMITED = f'exec prlimit --nofile="$(sed -n s/^LimitNOFILE=//p {LIMITS})" -- "$@"'


def server(lab: Lab, target: PgbouncerTarget, render: Render, needs: tuple[str, ...] = ()) -> Server:
    """The pooler that this target describes, configured by the files that `render` returns."""
    user = ordinary_user("postgres", "pgbouncer")
    directory = lab.directory(target.id)
    verifiers = identities.verifiers(lab)

    def prepare() -> None:
        files.write(directory, render())
        userlist = Path(target.userlist)
        known = [f'"{role}" "{verifier}"\n' for role, verifier in verifiers.items() if role != "replicator"]
        write_secret(userlist, "".join(known).encode())
        identities.own(userlist, user)

    async def ready(pid: int) -> str | None:
        return await asyncio.to_thread(_missing, lab, target)

    async def reload(pid: int) -> None:
        await reloaded(lab, target, pid)

    return Server(
        name=target.id,
        argv=("sh", "-c", _LIMITED, "sh", target.binary, target.config),
        binds=(Bind(target.address, target.port),),
        needs=needs,
        user=user,
        prepare=prepare,
        ready=ready,
        reload=reload,
        stop_signal=SIGINT,
        halt_signal=SIGTERM,
        start_seconds=START_SECONDS,
    )


def places(lab: Lab, environment: Environment) -> Mapping[str, object]:
    """The options that tell the application where its database is, and the replicas of that."""
    for target in environment.of("pgbouncer"):
        assert isinstance(target, PgbouncerTarget)
        identities.passwords(lab)
        place = f"{target.address}:{target.port}/{target.database}"
        readers = {"readers": f"{place}_ro"} if target.replica else {}
        return {"database": place, **readers, "passfile": identities.passfile(lab, APPLICATION)}
    return {}


def console(lab: Lab, target: PgbouncerTarget) -> psycopg.Connection[tuple[Any, ...]]:
    """The console, as its administrator. Raises psycopg.Error."""
    return psycopg.connect(
        host=target.address,
        port=target.port,
        user=ADMINISTRATOR,
        dbname="pgbouncer",
        passfile=str(identities.passfile(lab, ADMINISTRATOR)),
        connect_timeout=ANSWER_SECONDS,
        # the console knows the simple protocol only, and no transactions
        autocommit=True,
        cursor_factory=psycopg.ClientCursor,
    )


def tell(lab: Lab, target: PgbouncerTarget, *commands: str) -> None:
    """Give commands on the console. Raises psycopg.Error."""
    with console(lab, target) as connection:
        for command in commands:
            connection.execute(command.encode())


def settings(lab: Lab, target: PgbouncerTarget) -> dict[str, tuple[str, str | None]]:
    """Each setting in force with its default, as `SHOW CONFIG` tells them. Raises psycopg.Error."""
    with console(lab, target) as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute(b"SHOW CONFIG").fetchall()}


def read_at_start(lab: Lab, target: PgbouncerTarget) -> frozenset[str]:
    """What takes effect by a restart alone. Raises psycopg.Error."""
    with console(lab, target) as connection:
        rows = connection.execute(b"SHOW CONFIG").fetchall()
    return frozenset({"LimitNOFILE", *(name for name, *_, changeable in rows if changeable == "no")})


def queue(lab: Lab, target: PgbouncerTarget) -> tuple[int, float]:
    """How many clients wait for a connection, and how long the first of them has. Raises psycopg.Error."""
    with console(lab, target) as connection:
        cursor = connection.execute(b"SHOW POOLS")
        names = [column.name for column in cursor.description or ()]
        pools = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return sum(int(each["cl_waiting"]) for each in pools), max(float(each["maxwait"]) for each in pools)


async def reloaded(lab: Lab, target: PgbouncerTarget, pid: int) -> frozenset[str]:
    """Send HUP, and return what waits for a restart: settings, and the limit on open files.

    The signal also works where the file locked the console's administrator out. Raises ReloadRefused where
    the console does not answer afterwards.
    """
    pending: frozenset[str] = frozenset()

    async def missing() -> str | None:
        nonlocal pending
        try:
            pending = await asyncio.to_thread(_pending, lab, target, pid)
        except psycopg.Error as error:
            raise ReloadRefused(str(error).strip()) from None
        return ", ".join(pending) or None

    os.kill(pid, SIGHUP)
    with contextlib.suppress(TimeoutError):
        await waiting.until(missing, RELOAD_SECONDS)
    return pending


def _pending(lab: Lab, target: PgbouncerTarget, pid: int) -> frozenset[str]:
    """What the files say and the process does not do."""
    wanted = written(Path(target.config).read_text())
    # what the file no longer sets goes on as it was until a restart
    pending = {
        name
        for name, (value, default) in settings(lab, target).items()
        if name != _SHOWN_OTHERWISE and value != wanted.get(name, value if default is None else default)
    }
    limit = re.search(r"^LimitNOFILE=(\d+)$", (Path(target.directory) / LIMITS).read_text(), re.MULTILINE)
    allowed = re.search(r"^Max open files +(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    if not limit or not allowed or limit[1] != allowed[1]:
        pending.add("LimitNOFILE")
    return frozenset(pending)


def written(text: str) -> dict[str, str]:
    """The settings of the section [pgbouncer] of a file."""
    section = text.partition("[pgbouncer]")[2]
    pairs = (line.partition("=") for line in section.splitlines() if "=" in line and line[0] not in ";#[")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _missing(lab: Lab, target: PgbouncerTarget) -> str | None:
    try:
        running = settings(lab, target)
    except psycopg.Error as error:
        return f"its console did not answer ({str(error).strip()})"
    return None if running["conffile"][0] == target.config else "another one answered"
