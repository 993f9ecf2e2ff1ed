"""What a vendor sells, what it costs and where it ends: limits and prices, dated."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scaling_guide.model.plans import Plans
from scaling_guide.model.record import Record, Text
from scaling_guide.model.sources import Citation

Dollars = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, lt=1)]
Amount = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Key = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$")]
Part = Literal["plans", "compute", "disk", "growth", "meters", "spend_cap", "replicas", "addons", "rules"]


class Plan(Record):
    """A plan of an organization. `monthly` is None where the price is agreed on.

    `spend_cap` says whether going over a quota can be ruled out, `audited` whether there are reports for
    auditors (SOC 2) and single sign-on. `database_gb` is where a database turns read-only by plan, and None,
    as `backup_days` is, where the plan sets no such limit or it is agreed on.
    """

    title: Text
    monthly: Dollars | None = None
    compute_credits: Dollars = 0
    spend_cap: Literal["none", "optional"]
    database_gb: Amount | None = None
    backup_days: Count | None = None
    log_days: Count
    pauses: bool
    audited: bool


class Compute(Record):
    """A size of the database server. `monthly` is the vendor's rounded price of a whole month.

    `connections` is what Postgres accepts, `pooler_clients` what the pooler does; `database_gb` is the
    largest database recommended for it, `iops` what its disk sustains, `cpus` is 0 where they are shared out.
    """

    title: Text
    hourly: Dollars
    monthly: Dollars
    cpus: Count
    dedicated: bool
    memory_gb: Amount
    database_gb: Amount
    connections: Count
    pooler_clients: Count
    slots: Count
    iops: Count
    replicas: Count


class Disk(Record):
    """What a project's disk includes, what more of it costs, and when it grows by itself."""

    included_gb: Count
    included_iops: Count
    included_mb_per_second: Count
    per_gb: Dollars
    per_iops: Dollars
    per_mb_per_second: Dollars
    replica_factor: Annotated[float, Field(ge=1)]
    grows_at: Share
    grows_by: Share
    read_only_at: Share
    changes_per_day: Count


class Meter(Record):
    """An item that is counted: what each plan includes, and the price of `per` units beyond that."""

    title: Text
    unit: Text
    per: Annotated[int, Field(gt=0)] = 1
    price: Dollars
    included: dict[Key, Amount]


class Addon(Record):
    """Something that is bought for one project."""

    title: Text
    monthly: Dollars


class Rules(Record):
    """From where on to act, as shares of 1."""

    quota_used: Share
    cpu: Share
    connections: Share
    io_budget: Share
    cache_hit: Share
    disk_used: Share
    reads_for_replica: Share


class SupabasePlans(Plans):
    """Everything that Supabase charges for and limits, from the smallest to the largest.

    It was last held against the vendor's pages on `seen`, and is to be believed for `keeps_days`.
    """

    RISING = ("hourly", "monthly", "memory_gb", "database_gb", "connections", "pooler_clients")

    vendor: Literal["supabase"]
    sources: dict[Part, Citation]
    plans: Annotated[dict[Key, Plan], Field(min_length=1)]
    compute: Annotated[dict[Key, Compute], Field(min_length=1)]
    disk: Disk
    meters: dict[Key, Meter]
    addons: dict[Key, Addon]
    rules: Rules

    @property
    def citations(self) -> tuple[Citation, ...]:
        return tuple(self.sources.values())

    @property
    def sizes(self) -> Mapping[str, Record]:
        return self.compute

    @model_validator(mode="after")
    def _each_part_has_a_source(self) -> "SupabasePlans":
        if missing := sorted(set(Part.__args__) - set(self.sources)):  # type: ignore[attr-defined]
            raise ValueError(f"`sources` lacks {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _meters_know_the_plans(self) -> "SupabasePlans":
        for name, meter in self.meters.items():
            if unknown := sorted(set(meter.included) - set(self.plans)):
                raise ValueError(f"meter {name} includes something for {unknown[0]}, which is no plan")
        return self
