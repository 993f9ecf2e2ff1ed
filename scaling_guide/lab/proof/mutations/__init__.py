"""Named mutations: (name, system) to what breaks such a target."""

from scaling_guide.lab.proof.mutations import application, load_balancers, supabase
from scaling_guide.lab.proof.mutations.forms import Table

MUTATIONS: Table = {**load_balancers.MUTATIONS, **application.MUTATIONS, **supabase.MUTATIONS}
