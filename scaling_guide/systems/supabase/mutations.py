"""How a Supabase project goes wrong in real life, played by the stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.forms import edited
from scaling_guide.lab.proof.mutations import Applied, Mutations

LONG_AGO = {"on": date.today() - timedelta(days=100), "until": date.today() - timedelta(days=1)}


def attested(setting: str, **changes: Any) -> Applied:
    """Something else, or something outdated, attested in the environment's record."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        documented = bench.environment
        attestations = tuple(
            each.model_copy(update=changes)
            if (each.target, each.setting) == (bench.target.id, setting)
            else each
            for each in documented.attestations
        )
        bench.environment = documented.model_copy(update={"attestations": attestations})
        try:
            yield f"{setting}: {', '.join(f'{name} {value}' for name, value in changes.items())}"
        finally:
            bench.environment = documented

    return applied


MUTATIONS: Mutations = {
    "supabase-pool-beyond-connections": edited((r"^  default_pool_size: .*", "  default_pool_size: 400")),
    "supabase-disk-nearly-full": edited((r"^  used: .*", "  used: 92%")),
    "supabase-pooler-unhealthy": edited((r"^services: (.*)", r"services: \1\nunhealthy: [pooler]")),
    "supabase-spend-cap-on": attested("spend cap", value="on"),
    "supabase-spend-cap-expired": attested("spend cap", **LONG_AGO),
    "supabase-quota-beyond": attested("fullest quota", value="81%"),
    "supabase-quota-expired": attested("fullest quota", **LONG_AGO),
}
