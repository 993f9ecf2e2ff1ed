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
from scaling_guide.model.record import System

MUTATIONS: Table = {
    **load_balancers.MUTATIONS,
    **performance.MUTATIONS,
    **application.MUTATIONS,
    **supabase.MUTATIONS,
    **databases.MUTATIONS,
    **caches.MUTATIONS,
}

STOPS = frozenset({("replica-stopped", System.POSTGRES), ("index-unused", System.POSTGRES)})
"""Those that take away, for others too, what the load balancers and the applications are asked for."""
