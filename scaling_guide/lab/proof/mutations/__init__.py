"""Named mutations: (name, system) to what breaks such a target."""

from scaling_guide.lab.proof.mutations import (
    application,
    caches,
    databases,
    load_balancers,
    performance,
    supabase,
)
from scaling_guide.lab.proof.mutations.forms import Table

MUTATIONS: Table = {
    **load_balancers.MUTATIONS,
    **performance.MUTATIONS,
    **application.MUTATIONS,
    **supabase.MUTATIONS,
    **databases.MUTATIONS,
    **caches.MUTATIONS,
}
