"""What the engine must know of Supabase before it looks at anything."""

from scaling_guide.model.systems import System
from scaling_guide.systems.supabase.plans import SupabasePlans
from scaling_guide.systems.supabase.target import SupabaseTarget

SYSTEM = System(
    name="supabase",
    title="Supabase",
    target=SupabaseTarget,
    probes=("supabase", "supabase_advisors", "attested"),
    plans=SupabasePlans,
    is_service=True,
)
