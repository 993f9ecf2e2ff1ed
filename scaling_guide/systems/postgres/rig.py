"""What measurements of PostgreSQL and its pooler are made with."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import psycopg

from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.systems.pgbouncer.server import tell
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres import identities, server
from scaling_guide.systems.postgres.target import PostgresTarget


def postgres(rig: Rig, name: str = "postgres-primary") -> PostgresTarget:
    target = rig.target(name)
    assert isinstance(target, PostgresTarget)
    return target


def pgbouncer(rig: Rig, name: str = "pgbouncer") -> PgbouncerTarget:
    target = rig.target(name)
    assert isinstance(target, PgbouncerTarget)
    return target


def password(rig: Rig, role: str) -> Mapping[str, str]:
    """The variable with which a client of PostgreSQL finds the password of a role."""
    return {"PGPASSFILE": str(identities.passfile(rig.lab, role))}


def sql(rig: Rig, *statements: str) -> None:
    """Run statements as the superuser of the primary in the application's database. Raises NotMeasured."""
    target = postgres(rig)
    for statement in statements:
        rig.noted.append(f"psql -h {target.id} -U {server.SUPERUSER} -c {shlex.quote(statement)}")
        try:
            server.execute(target, statement)
        except psycopg.Error as error:
            raise NotMeasured(f"`{statement}`: {str(error).strip()}") from None


def pooled(rig: Rig, database: str, options: str) -> None:
    """Give the pooler a database of another name before the primary, with a separate pool."""
    target, behind = pgbouncer(rig), postgres(rig)
    where = f"host={behind.address} port={behind.port} dbname={behind.database}"
    line = f"{database} = {where} {options}"
    path = Path(target.config)
    before = path.read_text()
    rig.undo.callback(_write_and_reload, rig, target, before)
    _write_and_reload(rig, target, before.replace("[databases]\n", f"[databases]\n{line}\n", 1))
    rig.noted.append(rig.shown(f"pgbouncer.ini: {line}"))


def _write_and_reload(rig: Rig, target: PgbouncerTarget, text: str) -> None:
    Path(target.config).write_text(text)
    try:
        tell(rig.lab, target, "RELOAD")
    except psycopg.Error as error:
        raise NotMeasured(f"the pooler did not reload: {str(error).strip()}") from None
