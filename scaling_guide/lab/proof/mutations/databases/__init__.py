"""How PostgreSQL and what stands in front of it break in real life."""

from scaling_guide.lab.proof.mutations.databases import (
    builds,
    changes,
    configuration,
    counters,
    exhaustion,
    objects,
    partitions,
    pooler,
    replication,
    sessions,
    vacuum,
    wraparound,
)
from scaling_guide.lab.proof.mutations.forms import Table

MUTATIONS: Table = {
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
    **pooler.MUTATIONS,
}
