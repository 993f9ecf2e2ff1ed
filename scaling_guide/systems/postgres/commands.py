"""PostgreSQL: its client, its programs, and files whose loading the server itself confirms."""

import shlex

from scaling_guide.render.commands.situation import Situation
from scaling_guide.systems.postgres.target import PostgresTarget
from scaling_guide.systems.sql import commands as sql

# a setting that needs a restart is told as not applied, like one that is wrong
_WRONG = """
select coalesce(f.name, 'line ' || f.sourceline) || ': ' || error
from pg_file_settings f left join pg_settings s on lower(s.name) = lower(f.name)
where error is not null and {but}
union all
select 'pg_hba.conf line ' || line_number || ': ' || error
from pg_hba_file_rules where error is not null
""".strip()
_WRONG_BEFORE = _WRONG.format(but="s.context is distinct from 'postmaster'")
_WRONG_AFTER = _WRONG.format(but="s.pending_restart is not true")
_LOADED = "select pg_conf_load_time()"


def as_checker(target: PostgresTarget, found: Situation | None = None) -> str:
    """The client, as the role that may look at settings and statistics."""
    client = sql.client(target.address, target.port, target.user, target.database)
    return sql.with_password(target.passfile, client)


def as_operator(target: PostgresTarget, found: Situation) -> str:
    """The client on the server itself, as superuser over the socket."""
    client = sql.client(target.sockets, target.port, "postgres", target.database)
    return f"{found.switch(target.operator)} {client}".strip()


def everywhere(found: Situation) -> dict[str, object]:
    """The first server of each role by its role, and what a template may use for any, given as `target`."""
    first: dict[str, object] = {}
    for each in found.environment.of("postgres"):
        first.setdefault(each.role or "", each)
    return {**first, **commands(found), "is_true": sql.is_true}


def commands(found: Situation) -> dict[str, object]:
    """The programs of a server, and files whose loading the server confirms."""

    def as_owner(target: PostgresTarget) -> str:
        """What a program begins with that writes the server's data."""
        return found.switch(target.owner)

    def write(target: PostgresTarget, name: str, value: object) -> str:
        return sql.write(target.config, name, value)

    def test(target: PostgresTarget) -> str:
        return _is_empty(as_operator(target, found), _WRONG_BEFORE)

    def reload(target: PostgresTarget) -> str:
        # when files were loaded last is noted first, since the command returns before anything has happened
        client = as_operator(target, found)
        load = f'{client} -c "select pg_reload_conf()"'
        return f'{client} -c "{_LOADED}" > {_note(target)} &&\n{load}'

    def reloaded(target: PostgresTarget) -> str:
        client = as_operator(target, found)
        is_new = f'test -s {_note(target)} && test "$now" != "$(cat {_note(target)})"'
        return f'now=$({client} -c "{_LOADED}") && {is_new} &&\n{_is_empty(client, _WRONG_AFTER)}'

    def shows(target: PostgresTarget, name: str, value: object) -> str:
        """Look whether a setting is in force, as `SHOW` writes it."""
        return f"{as_checker(target)} -c {shlex.quote(f'show {name}')} | grep -qxF {shlex.quote(str(value))}"

    return {
        "as_owner": as_owner,
        "postgres_write": write,
        "postgres_test": test,
        "postgres_reload": reload,
        "postgres_reloaded": reloaded,
        "postgres_shows": shows,
    }


def _note(target: PostgresTarget) -> str:
    return shlex.quote(f"{target.directory}/loaded.before")


def _is_empty(client: str, query: str) -> str:
    """Show what `query` finds, and fail where that is something, or where it cannot be asked."""
    return f'wrong=$({client} -c {sql.quoted(query)}) && echo "$wrong" && test -z "$wrong"'
