"""How a Supabase project goes wrong in real life, played by the stand-in."""

from scaling_guide.lab.proof.mutations.forms import Table, edited
from scaling_guide.model.record import System

S = System.SUPABASE

MUTATIONS: Table = {
    ("supabase-pool-beyond-connections", S): edited(
        (r"^  default_pool_size: .*", "  default_pool_size: 400")
    ),
    ("supabase-disk-nearly-full", S): edited((r"^  used: .*", "  used: 92%")),
    ("supabase-pooler-unhealthy", S): edited((r"^services: (.*)", r"services: \1\nunhealthy: [pooler]")),
}
