"""What the engine must know of PostgreSQL before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.postgres.target import PostgresTarget

SYSTEM = System(
    name="postgres",
    title="PostgreSQL",
    target=PostgresTarget,
    probes=(
        "postgres_settings",
        "postgres_files",
        "postgres_connections",
        "postgres_replication",
        "postgres_health",
    ),
    disturbs={"*": ("postgres", "pgbouncer"), "replica": ("nginx", "haproxy", "app")},
    uses=("pgbouncer", "sql"),
    looks_up={
        "transaction-long": ("postgres-app-transaction",),
        "temporary-files": ("postgres-temporary-files",),
        "deadlocks": ("postgres-deadlocks",),
        "queries-cancelled": ("postgres-conflicts",),
        "statements-forgotten": ("postgres-statements-forgotten",),
        "horizon-held-by-session": ("postgres-horizon",),
        "horizon-held-by-replica": ("postgres-horizon",),
    },
)
