"""PgBouncer: its console, and a file whose loading the console confirms."""

import shlex

from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import commands as sql

CONSOLE = "pgbouncer"


def as_checker(target: PgbouncerTarget, found: Situation | None = None) -> str:
    """The console, for whoever may look."""
    return sql.with_password(target.passfile, _console(target, target.user))


def as_operator(target: PgbouncerTarget, found: Situation | None = None) -> str:
    """The console, for its administrator."""
    return sql.with_password(target.operator_passfile, _console(target, target.operator))


def everywhere(found: Situation) -> dict[str, object]:
    """The names that a template may use for any PgBouncer, which it gives as `target`."""
    poolers = found.environment.of("pgbouncer")
    return {
        **({"pooler": poolers[0]} if poolers else {}),
        "pgbouncer_write": _write,
        "pgbouncer_point": _point,
        "pgbouncer_reload": _reload,
        "pgbouncer_shows": _shows,
    }


def _console(target: PgbouncerTarget, user: str) -> str:
    return sql.client(target.address, target.port, user, CONSOLE)


def _write(target: PgbouncerTarget, name: str, value: object) -> str:
    return sql.write(target.config, name, value)


def _point(target: PgbouncerTarget, database: str, to: PostgresTarget) -> str:
    """Have a database of the pooler be that of another server."""
    return sql.write(target.config, database, f"host={to.address} port={to.port} dbname={to.database}")


def _reload(target: PgbouncerTarget) -> str:
    # it answers RELOAD whatever it thinks of the file: look afterwards
    return f"{as_operator(target)} -c RELOAD"


def _shows(target: PgbouncerTarget, name: str, value: object) -> str:
    """Look whether a setting is in force."""
    row = f'$1 == "{name}" && $2 == "{value}" {{n++}} END {{exit !n}}'
    return f"{as_checker(target)} -c 'SHOW CONFIG' | awk -F'|' {shlex.quote(row)}"
