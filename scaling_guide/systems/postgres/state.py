"""PostgreSQL: settings that run, roles, slots, and the objects that the application's schema is made of."""

import psycopg

from scaling_guide.lab.state.marks import Marks
from scaling_guide.model.environments import Environment
from scaling_guide.probes.observation import Found
from scaling_guide.systems.postgres.server import ask
from scaling_guide.systems.postgres.target import PostgresTarget

_SERVER = """
select 'setting > ' || name, regexp_replace(current_setting(name), 'password *= *\\S+', 'password')
from pg_settings where source = 'configuration file'
union all
select 'pending restart > ' || name, 'yes' from pg_settings where pending_restart
union all
select 'role', case when pg_is_in_recovery() then 'replica' else 'primary' end
union all
select 'replay', case when pg_is_wal_replay_paused() then 'paused' else 'running' end
where pg_is_in_recovery()
union all
select 'slot > ' || slot_name, slot_type from pg_replication_slots where not temporary
"""
# a replica has these from its primary
_ROLES = """
select 'role > ' || rolname, concat_ws(', ',
  case when rolcanlogin then 'login' end,
  case when rolsuper then 'superuser' end,
  case when rolreplication then 'replication' end,
  'connections ' || rolconnlimit,
  'password ' || left(md5(coalesce(rolpassword, '')), 8),
  (select 'in ' || string_agg(m.roleid::regrole::text, ' ' order by m.roleid)
    from pg_auth_members m where m.member = a.oid))
from pg_authid a where rolname !~ '^pg_'
union all
select 'role > ' || coalesce(r.rolname, 'all') || ' in ' || coalesce(d.datname, 'all') || ' > '
  || split_part(line, '=', 1), substr(line, strpos(line, '=') + 1)
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
cross join unnest(s.setconfig) line
"""
_OBJECTS = """
with here as (
  select c.oid, c.relname, c.relkind, c.reloptions, c.relpartbound
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'app'
), columns as (
  select attrelid, string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod),
    case when attnotnull then 'not null' end), ' / ' order by attname) as names
  from pg_attribute where attnum > 0 and not attisdropped group by attrelid
)
select 'table > ' || relname, concat_ws(', ', names,
  (select 'partition of ' || i.inhparent::regclass || ' ' || pg_get_expr(relpartbound, here.oid)
    from pg_inherits i where i.inhrelid = here.oid),
  nullif(array_to_string(reloptions, ', '), ''))
from here join columns on attrelid = here.oid where relkind in ('r', 'p')
union all
select 'index > ' || relname, pg_get_indexdef(oid) || case when indisvalid then '' else ' (invalid)' end
from here join pg_index on indexrelid = oid
union all
select 'constraint > ' || relname || ' > ' || conname, pg_get_constraintdef(k.oid)
from here join pg_constraint k on here.oid = k.conrelid
union all
select 'trigger > ' || relname || ' > ' || tgname, pg_get_triggerdef(t.oid)
from here join pg_trigger t on here.oid = t.tgrelid where not tgisinternal
"""


def found(environment: Environment, target: PostgresTarget) -> Found:
    """What runs in a server, and on a primary the roles and objects too. Raises psycopg.Error."""
    ((version,),) = ask(target, "show server_version")
    values = _pairs(target, _SERVER)
    if values["role"] == "primary":
        values |= _pairs(target, _ROLES) | _pairs(target, _OBJECTS, target.database)
    return version.split()[0], values


def _pairs(target: PostgresTarget, query: str, database: str | None = None) -> dict[str, str]:
    return {name: value for name, value in ask(target, query, database)}


MARKS = Marks(
    asked=found,
    errors=(psycopg.Error,),
    # ALTER SYSTEM writes into the data directory what an operator said
    own_files=("data/*", "run/*", "!data/postgresql.auto.conf"),
)
