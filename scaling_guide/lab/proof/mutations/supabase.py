"""How a Supabase project goes wrong in real life, played by the stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.lab.proof.mutations.forms import Applied, Table, edited
from scaling_guide.model.record import System

S = System.SUPABASE
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


MUTATIONS: Table = {
    ("supabase-pool-beyond-connections", S): edited(
        (r"^  default_pool_size: .*", "  default_pool_size: 400")
    ),
    ("supabase-disk-nearly-full", S): edited((r"^  used: .*", "  used: 92%")),
    ("supabase-pooler-unhealthy", S): edited((r"^services: (.*)", r"services: \1\nunhealthy: [pooler]")),
    ("supabase-spend-cap-on", S): attested("spend cap", value="on"),
    ("supabase-spend-cap-expired", S): attested("spend cap", **LONG_AGO),
    ("supabase-quota-beyond", S): attested("fullest quota", value="81%"),
    ("supabase-quota-expired", S): attested("fullest quota", **LONG_AGO),
}
