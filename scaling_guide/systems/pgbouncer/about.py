"""What the engine must know of PgBouncer before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.pgbouncer.target import PgbouncerTarget

SYSTEM = System(
    name="pgbouncer",
    title="PgBouncer",
    target=PgbouncerTarget,
    probes=("pgbouncer_console", "pgbouncer_process"),
    disturbs={"*": ("postgres", "pgbouncer", "nginx", "haproxy", "app")},
    uses=("postgres", "sql"),
)
