"""What a Supabase project costs a month, and which step is next: plan, disk, tuning, replica or compute.

All money is US dollars a month. Shares are of 1. Over-usage is charged, as it is with the Spend Cap off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil, floor

from scaling_guide.systems.supabase.plans import Plan, SupabasePlans


class NoPrice(ValueError):
    """The price is agreed on with the vendor, so it cannot be computed."""


@dataclass(frozen=True)
class Usage:
    """What one organization with one project has, and what it uses of each meter in a month."""

    plan: str
    compute: str
    disk_gb: int = 8
    replicas: int = 0
    extra_iops: int = 0
    extra_mb_per_second: int = 0
    addons: tuple[str, ...] = ()
    metered: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What was measured over a week, and what is needed.

    `cpu` is the 95th percentile and `connections` the highest count against what Postgres accepts;
    `io_budget` is the share of the burst budget of the disk that a day uses, `reads` the share of the load
    that could go to a replica. `tuned` says that the dearest queries were looked at within a month.
    """

    database_gb: float = 0
    disk_used: float = 0
    cpu: float = 0
    connections: float = 0
    io_budget: float = 0
    cache_hit: float = 1
    reads: float = 0
    tuned: bool = False
    production: bool = True
    log_days: int = 0
    backup_days: int = 0
    audited: bool = False


class Kind(StrEnum):
    """What to do next."""

    PLAN = "plan"
    DISK = "disk"
    TUNE = "tune"
    REPLICA = "replica"
    COMPUTE = "compute"
    BEYOND = "beyond"
    STAY = "stay"


@dataclass(frozen=True)
class Step:
    """The next step: to what, for which reasons, and what it adds to the bill (None where unknown)."""

    kind: Kind
    to: Usage
    reasons: tuple[str, ...]
    monthly: float | None


def bill(sold: SupabasePlans, usage: Usage) -> float:
    """What `usage` costs a whole month.

    Raises NoPrice for a plan without a listed price, and KeyError for a plan, size, addon or meter that is
    not sold.
    """
    plan = sold.plans[usage.plan]
    if plan.monthly is None:
        raise NoPrice(f"{plan.title} has no listed price")
    if not plan.monthly:
        return 0.0  # nothing beyond the quotas of a free plan is sold
    compute = _compute(sold, usage.compute)
    disk, free = sold.disk, sold.disk.included_gb
    performance = usage.extra_iops * disk.per_iops + usage.extra_mb_per_second * disk.per_mb_per_second
    addresses = sold.addons["ipv4"].monthly if "ipv4" in usage.addons else 0.0
    replica = compute + usage.disk_gb * disk.replica_factor * disk.per_gb + performance + addresses
    total = (
        plan.monthly
        + compute
        - min(plan.compute_credits, compute)
        + max(0, usage.disk_gb - free) * disk.per_gb
        + performance
        + usage.replicas * replica
        + sum(sold.addons[name].monthly for name in usage.addons)
        + sum(_over(sold, usage.plan, name, amount) for name, amount in usage.metered.items())
    )
    return _cents(total)


def _cents(amount: float) -> float:
    """Half a cent goes up, as on an invoice, whatever binary fractions make of it."""
    return floor(round(amount * 100, 6) + 0.5) / 100


def _compute(sold: SupabasePlans, name: str) -> float:
    """A month of a size; in a paid organization none costs less than the smallest that has a price."""
    return max(
        sold.compute[name].monthly, min(size.monthly for size in sold.compute.values() if size.monthly)
    )


def _over(sold: SupabasePlans, plan: str, name: str, amount: float) -> float:
    meter = sold.meters[name]
    return max(0.0, amount - meter.included[plan]) / meter.per * meter.price


def next_step(sold: SupabasePlans, usage: Usage, seen: Seen) -> Step:
    """What to do next, the cheapest cause first: a plan that ends it, a disk that fills, then load.

    Raises KeyError as `bill` does.
    """
    if lacking := _lacking(sold, usage.plan, usage, seen):
        return _another_plan(sold, usage, seen, lacking)
    if sold.plans[usage.plan].monthly != 0 and seen.disk_used > sold.rules.disk_used:
        larger = replace(usage, disk_gb=ceil(usage.disk_gb * (1 + sold.disk.grows_by)))
        return _step(sold, Kind.DISK, usage, larger, ("the disk is nearly full",))
    reasons = _pressure(sold, usage, seen)
    if not reasons:
        return Step(Kind.STAY, usage, (), 0.0)
    if not seen.tuned:
        return Step(Kind.TUNE, usage, reasons, 0.0)
    return _more_power(sold, usage, seen, reasons)


def _another_plan(sold: SupabasePlans, usage: Usage, seen: Seen, lacking: tuple[str, ...]) -> Step:
    """The first plan that has what the present one lacks; with a server that can be had in it."""
    names = list(sold.plans)
    for name in names[names.index(usage.plan) + 1 :]:
        if not _lacking(sold, name, usage, seen):
            priced = [size for size, each in sold.compute.items() if each.monthly]
            # without a price there is one size only, and it is not to be had in another plan
            kept = sold.plans[usage.plan].monthly != 0 and usage.compute in priced
            compute = usage.compute if kept else priced[0]
            return _step(sold, Kind.PLAN, usage, replace(usage, plan=name, compute=compute), lacking)
    return Step(Kind.BEYOND, usage, lacking, None)


def _lacking(sold: SupabasePlans, name: str, usage: Usage, seen: Seen) -> tuple[str, ...]:
    """For which reasons the plan will not do."""
    plan, share = sold.plans[name], sold.rules.quota_used
    found = {
        "a project in production must not pause": seen.production and plan.pauses,
        "the database nears the plan's quota": plan.database_gb is not None
        and seen.database_gb > share * plan.database_gb,
        "older logs are needed": seen.log_days > plan.log_days,
        "older backups are needed": plan.backup_days is not None and seen.backup_days > plan.backup_days,
        "auditors or single sign-on ask for it": seen.audited and not plan.audited,
        **_spent(sold, name, plan, usage),
    }
    return tuple(reason for reason, true in found.items() if true)


def _spent(sold: SupabasePlans, name: str, plan: Plan, usage: Usage) -> dict[str, bool]:
    """The meters that near their quota where more cannot be bought."""
    if plan.monthly != 0:
        return {}
    share = sold.rules.quota_used
    return {
        f"{sold.meters[meter].title.lower()} nears the plan's quota": amount
        > share * sold.meters[meter].included[name]
        for meter, amount in usage.metered.items()
    }


def _pressure(sold: SupabasePlans, usage: Usage, seen: Seen) -> tuple[str, ...]:
    """What there is too little of."""
    rules, size = sold.rules, sold.compute[usage.compute]
    found = {
        _CPU: seen.cpu > rules.cpu,
        "connections": seen.connections > rules.connections,
        "disk throughput": seen.io_budget > rules.io_budget,
        "memory, told by the cache": seen.cache_hit < rules.cache_hit,
        "the database is larger than the size is meant for": seen.database_gb > size.database_gb,
    }
    return tuple(reason for reason, true in found.items() if true)


_CPU = "CPU"


def _more_power(sold: SupabasePlans, usage: Usage, seen: Seen, reasons: tuple[str, ...]) -> Step:
    """The next size; or a replica, where that is cheaper and reads are what uses the CPU."""
    wanted = [replace(usage, compute=name) for name in larger(sold, usage.compute)[:1]]
    bigger = _step(sold, Kind.COMPUTE, usage, wanted[0], reasons) if wanted else None
    by_reads = reasons == (_CPU,) and seen.reads >= sold.rules.reads_for_replica
    if by_reads and usage.replicas < sold.compute[usage.compute].replicas:
        beside = _step(sold, Kind.REPLICA, usage, replace(usage, replicas=usage.replicas + 1), reasons)
        if bigger is None or (beside.monthly or 0) < (bigger.monthly or 0):
            return beside
    return bigger or Step(Kind.BEYOND, usage, reasons, None)


def larger(sold: SupabasePlans, compute: str) -> list[str]:
    """The sizes above `compute`, the next one first."""
    names = list(sold.compute)
    return names[names.index(compute) + 1 :]


def _step(sold: SupabasePlans, kind: Kind, usage: Usage, to: Usage, reasons: tuple[str, ...]) -> Step:
    try:
        return Step(kind, to, reasons, _cents(bill(sold, to) - bill(sold, usage)))
    except NoPrice:
        return Step(kind, to, reasons, None)
