"""How PostgreSQL and the data in it break in real life."""

from scaling_guide.lab.proof.mutations import Mutations
from scaling_guide.systems.postgres.mutations import (
    builds,
    changes,
    configuration,
    counters,
    exhaustion,
    objects,
    partitions,
    replication,
    sessions,
    vacuum,
    wraparound,
)

MUTATIONS: Mutations = {
    **builds.MUTATIONS,
    **changes.MUTATIONS,
    **configuration.MUTATIONS,
    **objects.MUTATIONS,
    **partitions.MUTATIONS,
    **vacuum.MUTATIONS,
    **wraparound.MUTATIONS,
    **counters.MUTATIONS,
    **exhaustion.MUTATIONS,
    **sessions.MUTATIONS,
    **replication.MUTATIONS,
}

STOPS = frozenset({"replica-stopped", "index-unused"})
"""Those that take away what load balancers and applications are asked for meanwhile."""
