"""What a PostgreSQL server can be asked."""

from collections.abc import Mapping

from scaling_guide.probes.probe import Over, Probe
from scaling_guide.systems.postgres import health, replication, settings
from scaling_guide.systems.sql.session import PSQL

PROBES: Mapping[str, Probe] = {
    "postgres_settings": Probe(
        settings.settings,
        by_hand={
            "": f"{PSQL} 'select name, reset_val, unit, source, sourcefile, pending_restart from pg_settings "
            "where pending_restart or sourcefile is not null'",
            "setting": f"{PSQL} 'select name, reset_val, unit, source from pg_settings' | grep {{search}}",
            "role": f"{PSQL} 'select * from pg_db_role_setting'",
            "overrides": f"{PSQL} 'select * from pg_db_role_setting'",
        },
        tells_version=True,
    ),
    "postgres_files": Probe(
        settings.files,
        by_hand={
            "": f"ls -l --full-time {{directory}}; {PSQL} 'select pg_conf_load_time()'",
            "hba": "grep -v '^#' {directory}/pg_hba.conf",
            "parameters": "grep -E '^max_(connections|worker|wal|prepared|locks)' {config}",
        },
        over=Over.NETWORK | Over.HOST,
    ),
    "postgres_connections": Probe(
        settings.connections,
        by_hand={
            "": f"{PSQL} 'select usename, state, count(*) from pg_stat_activity group by 1, 2'",
        },
    ),
    "postgres_replication": Probe(
        replication.probe,
        by_hand={
            "": f"{PSQL} 'select status, slot_name, pg_last_wal_replay_lsn() from pg_stat_wal_receiver'",
            "replicas": f"{PSQL} 'select application_name, state, replay_lsn from pg_stat_replication'",
            "slots": f"{PSQL} 'select slot_name, active, wal_status from pg_replication_slots'",
            "replay": f"{PSQL} 'select pg_is_wal_replay_paused()'",
            "in recovery": f"{PSQL} 'select pg_is_in_recovery()'",
            "read-only": f"{PSQL} 'show in_hot_standby'",
        },
    ),
    "postgres_health": Probe(
        health.probe,
        by_hand={
            "": f"{PSQL} 'select pid, state, state_change, pg_blocking_pids(pid) from pg_stat_activity'",
            "indexes": f"{PSQL} '\\di+ *.*'",
            "tables": f"{PSQL} '\\dt+ *.*'",
            "keys": f"{PSQL} '\\dt+ *.*'",
            "foreign keys": f"{PSQL} '\\d+ app.*'",
            "sequences": f"{PSQL} 'select * from pg_sequences'",
            "bloat": f"{PSQL} 'select oid::regclass, (pgstattuple_approx(oid)).* from pg_class "
            "where relkind = $$r$$ order by pg_relation_size(oid) desc limit 10'",
            "wraparound": f"{PSQL} 'select datname, age(datfrozenxid) from pg_database'",
            "partitions": f"{PSQL} '\\dP+ *.*'",
            "statements": f"{PSQL} 'select * from pg_stat_statements_info'",
            "checkpoints": f"{PSQL} 'select * from pg_stat_bgwriter'",
            "temporary files": f"{PSQL} 'select * from pg_ls_tmpdir()'",
            "checker": f"{PSQL} '\\dp *.*' -c '\\du {{user}}'",
            "deadlocks": f"{PSQL} 'select datname, deadlocks, stats_reset from pg_stat_database'",
            "conflicts": f"{PSQL} 'select * from pg_stat_database_conflicts'",
            "horizon": f"{PSQL} 'select pid, usename, age(backend_xmin) from pg_stat_activity order by 3' "
            "-c 'select slot_name, age(xmin) from pg_replication_slots'",
        },
    ),
}
