"""How PostgreSQL and what stands in front of it break in real life."""

from scaling_guide.lab.proof.mutations.databases import (
    configuration,
    counters,
    objects,
    pooler,
    replication,
    sessions,
    vacuum,
)
from scaling_guide.lab.proof.mutations.forms import Table

MUTATIONS: Table = {
    **configuration.MUTATIONS,
    **objects.MUTATIONS,
    **vacuum.MUTATIONS,
    **counters.MUTATIONS,
    **sessions.MUTATIONS,
    **replication.MUTATIONS,
    **pooler.MUTATIONS,
}
