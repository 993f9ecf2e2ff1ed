"""What Supabase sells, and the reader's next step there with its price."""

import json
from collections.abc import Mapping

from markupsafe import Markup

from macros.context import Context
from macros.escape import fill
from scaling_guide.systems.supabase.capacity import Kind, Seen, Step, Usage, bill, larger, next_step
from scaling_guide.systems.supabase.plans import Compute, SupabasePlans
from scaling_guide.systems.supabase.probe import SCOPES

WORDS: Mapping[Kind, str] = {
    Kind.STAY: "Stay: nothing presses.",
    Kind.PLAN: "Next step: the {plan} plan.",
    Kind.DISK: "Next step: a disk of {disk} GB.",
    Kind.TUNE: "Next step: queries, indexes and the pool, before any money.",
    Kind.REPLICA: "Next step: a read replica, number {replicas}.",
    Kind.COMPUTE: "Next step: compute size {compute}.",
    Kind.BEYOND: "Beyond what is sold at a listed price: shard, or ask Supabase.",
}
_TITLES = (
    *("A month", "Next size adds", "A replica adds", "CPUs", "Memory, GB", "Connections", "Pooler clients"),
    *("Replication slots", "IOPS, lasting", "Database up to, GB"),
)
# what the page computes for a reader without scripts, and the calculator begins with
EXAMPLE_USAGE = Usage("pro", "ci_small", disk_gb=40, metered={"egress": 180, "users": 30_000})
EXAMPLE_SEEN = Seen(database_gb=22, disk_used=0.55, cpu=0.78, connections=0.45, reads=0.6, tuned=True)


def plans(site: Context) -> str:
    """The plans in columns: price, what is included of each meter, what is kept and for how long."""
    return fill("supabase/plans", site=site, sold=_sold(site))


def sizes(site: Context) -> str:
    """The compute sizes with their limits, and what the next size and a replica add to the bill."""
    sold = _sold(site)
    rows = [(size, _figures(sold, name, size)) for name, size in sold.compute.items()]
    return fill("supabase/sizes", site=site, sold=sold, rows=rows, titles=_TITLES)


def _figures(sold: SupabasePlans, name: str, size: Compute) -> tuple[str, ...]:
    """A row of the table of sizes, in the order of its titles."""
    bigger, beside = _steps_from(sold, name)
    shared = "shared" if not size.cpus else f"{size.cpus}" if size.dedicated else f"{size.cpus} shared"
    return (
        f"${size.monthly:,.0f}",
        "ask" if bigger is None else dollars(bigger),
        "none" if beside is None else dollars(beside),
        shared,
        *(f"{figure:,g}" for figure in (size.memory_gb, size.connections, size.pooler_clients)),
        *(f"{figure:,}" for figure in (size.slots, size.iops)),
        f"{size.database_gb:,g}",
    )


def rules(site: Context) -> str:
    """From where on to act, in the order in which it is asked."""
    return fill("supabase/rules", site=site, sold=_sold(site))


def step(site: Context) -> str:
    """The next step for an example, and the fields that make it the reader's own where scripts run."""
    sold = _sold(site)
    found = next_step(sold, EXAMPLE_USAGE, EXAMPLE_SEEN)
    carried = {
        "sold": sold.model_dump(mode="json", exclude={"sources"}),
        "words": {str(kind): text for kind, text in WORDS.items()},
        "usage": _plain(EXAMPLE_USAGE),
        "seen": _plain(EXAMPLE_SEEN),
    }
    return fill(
        "supabase/step",
        sold=sold,
        usage=EXAMPLE_USAGE,
        seen=EXAMPLE_SEEN,
        answer=answer(sold, EXAMPLE_USAGE, found),
        carried=_script(carried),
    )


def scopes() -> str:
    """The scopes that a token of the checks needs, one a line."""
    return "\n".join(SCOPES)


def answer(sold: SupabasePlans, usage: Usage, found: Step) -> str:
    """A step in the words that the calculator uses too."""
    target = WORDS[found.kind].format(
        plan=sold.plans[found.to.plan].title,
        compute=sold.compute[found.to.compute].title,
        disk=f"{found.to.disk_gb:,}",
        replicas=found.to.replicas,
    )
    because = f" Because: {'; '.join(found.reasons)}." if found.reasons else ""
    return f"{target}{because} {_price(found.monthly)} You pay {dollars(bill(sold, usage))} now."


def dollars(amount: float) -> str:
    """`$1,234.50`."""
    return f"${amount:,.2f}"


def _price(monthly: float | None) -> str:
    if monthly is None:
        return "The price is agreed on with Supabase."
    return f"It adds {dollars(monthly)} a month." if monthly else "It costs nothing."


def _steps_from(sold: SupabasePlans, name: str) -> tuple[float | None, float | None]:
    """What the next size, and a replica beside this one with the included disk, add to a month's bill."""
    usage = Usage("pro", name, disk_gb=sold.disk.included_gb)
    now = bill(sold, usage)
    above = larger(sold, name)[:1]
    bigger = bill(sold, Usage("pro", above[0], disk_gb=usage.disk_gb)) - now if above else None
    beside = bill(sold, Usage("pro", name, disk_gb=usage.disk_gb, replicas=1)) - now
    return bigger, beside if sold.compute[name].replicas else None


def _sold(site: Context) -> SupabasePlans:
    plans = site.guide.plans.get("supabase")
    if not isinstance(plans, SupabasePlans):
        raise LookupError("there is no `plans/supabase.yml` in the data")
    return plans


def _plain(record: Usage | Seen) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(record).items()}


def _script(carried: Mapping[str, object]) -> Markup:
    """JSON for a script element, which nothing in it can end."""
    return Markup(json.dumps(carried).replace("<", "\\u003c").replace("&", "\\u0026"))
