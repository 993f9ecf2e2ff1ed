"""The bill of Supabase against the example invoices of its own documentation, and the next step."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.load import examine
from scaling_guide.model.record import TIERS
from scaling_guide.systems.supabase.capacity import Kind, NoPrice, Seen, Step, Usage, bill, next_step
from scaling_guide.systems.supabase.plans import SupabasePlans

REPO = Path(__file__).parents[3]
VARIABLES = {"net": "127.42.0", "root": "/tmp/lab", "repo": str(REPO), "user": "me"}


@pytest.fixture(scope="module")
def sold() -> SupabasePlans:
    guide, _ = examine(REPO / "data", VARIABLES)
    assert guide is not None
    return guide.plans["supabase"]


# supabase.com/docs/guides/platform/manage-your-usage: compute, read replicas, egress, users
INVOICES = [
    (25.00, Usage("pro", "ci_micro")),
    (46.25, Usage("pro", "ci_small", replicas=1)),
    (424.09, Usage("pro", "ci_large", replicas=2, extra_iops=600, extra_mb_per_second=75, addons=("ipv4",))),
    (25.00, Usage("pro", "ci_micro", metered={"egress": 200})),
    (30.00 + 5.24, Usage("pro", "ci_small", disk_gb=50)),
]


@pytest.mark.parametrize(("total", "usage"), INVOICES)
def test_the_vendors_example_invoices_come_out(sold: SupabasePlans, total: float, usage: Usage) -> None:
    assert bill(sold, usage) == pytest.approx(total, abs=0.02)


def test_what_goes_beyond_a_quota_is_charged_and_nothing_below_it(sold: SupabasePlans) -> None:
    def extra(**metered: float) -> float:
        plain = bill(sold, Usage("pro", "ci_micro"))
        return round(bill(sold, Usage("pro", "ci_micro", metered=metered)) - plain, 2)

    assert extra(egress=250) == 0
    assert extra(egress=300) == 4.5
    assert extra(users=160_000) == 195
    assert extra(realtime_messages=7_000_000) == 5


def test_a_free_plan_costs_nothing_and_an_agreed_one_has_no_price(sold: SupabasePlans) -> None:
    assert bill(sold, Usage("free", "nano")) == 0
    with pytest.raises(NoPrice):
        bill(sold, Usage("enterprise", "ci_large"))


def test_nano_in_a_paid_organization_costs_what_micro_does(sold: SupabasePlans) -> None:
    assert bill(sold, Usage("pro", "nano")) == bill(sold, Usage("pro", "ci_micro"))


HOT = Seen(cpu=0.85, tuned=True)
STEPS: dict[str, tuple[Usage, Seen, Kind, Usage, float | None]] = {
    "nothing presses": (Usage("pro", "ci_small"), Seen(), Kind.STAY, Usage("pro", "ci_small"), 0),
    "production on free": (Usage("free", "nano"), Seen(), Kind.PLAN, Usage("pro", "ci_micro"), 25),
    "a hobby near its database quota": (
        Usage("free", "nano"),
        Seen(production=False, database_gb=0.41),
        Kind.PLAN,
        Usage("pro", "ci_micro"),
        25,
    ),
    "a hobby well below": (
        Usage("free", "nano"),
        Seen(production=False, database_gb=0.39),
        Kind.STAY,
        Usage("free", "nano"),
        0,
    ),
    "auditors": (
        Usage("pro", "ci_small"), Seen(audited=True), Kind.PLAN, Usage("team", "ci_small"), 574,
    ),
    "logs of three months": (
        Usage("team", "ci_small"),
        Seen(log_days=90, backup_days=30),
        Kind.PLAN,
        Usage("enterprise", "ci_small"),
        None,
    ),
    "logs of a year": (
        Usage("team", "ci_small"), Seen(log_days=365), Kind.BEYOND, Usage("team", "ci_small"), None,
    ),
    "a full disk before a busy CPU": (
        Usage("pro", "ci_small", disk_gb=100),
        Seen(disk_used=0.81, cpu=0.9),
        Kind.DISK,
        Usage("pro", "ci_small", disk_gb=150),
        6.25,
    ),
    "a full disk with a replica": (
        Usage("pro", "ci_small", disk_gb=100, replicas=1),
        Seen(disk_used=0.81),
        Kind.DISK,
        Usage("pro", "ci_small", disk_gb=150, replicas=1),
        14.06,
    ),
    "busy and not tuned": (
        Usage("pro", "ci_small"), Seen(cpu=0.85), Kind.TUNE, Usage("pro", "ci_small"), 0,
    ),
    "busy and tuned": (Usage("pro", "ci_large"), HOT, Kind.COMPUTE, Usage("pro", "ci_xlarge"), 100),
    "busy with reads, where a replica is cheaper": (
        Usage("pro", "ci_small"),
        Seen(cpu=0.85, tuned=True, reads=0.9),
        Kind.REPLICA,
        Usage("pro", "ci_small", replicas=1),
        16.25,
    ),
    "busy with reads, where the next size is cheaper": (
        Usage("pro", "ci_large"),
        Seen(cpu=0.85, tuned=True, reads=0.9),
        Kind.COMPUTE,
        Usage("pro", "ci_xlarge"),
        100,
    ),
    "connections are not helped by a replica": (
        Usage("pro", "ci_small"),
        Seen(cpu=0.85, connections=0.8, tuned=True, reads=0.9),
        Kind.COMPUTE,
        Usage("pro", "ci_medium"),
        45,
    ),
    "no replica on micro": (
        Usage("pro", "ci_micro"),
        Seen(cpu=0.85, tuned=True, reads=0.9),
        Kind.COMPUTE,
        Usage("pro", "ci_small"),
        5,
    ),
    "the largest size is busy": (
        Usage("pro", "ci_16xlarge"), HOT, Kind.BEYOND, Usage("pro", "ci_16xlarge"), None,
    ),
    "a database too large for its size": (
        Usage("pro", "ci_small", disk_gb=80),
        Seen(database_gb=60, tuned=True),
        Kind.COMPUTE,
        Usage("pro", "ci_medium", disk_gb=80),
        45,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_the_next_step_and_its_price(sold: SupabasePlans, name: str) -> None:
    usage, seen, kind, to, monthly = STEPS[name]
    step = next_step(sold, usage, seen)
    assert (step.kind, step.to, step.monthly) == (kind, to, monthly)
    assert bool(step.reasons) == (kind is not Kind.STAY)


@pytest.mark.parametrize(
    ("rule", "field"),
    [("cpu", "cpu"), ("connections", "connections"), ("io_budget", "io_budget")],
)
def test_a_boundary_itself_is_no_reason_to_act(sold: SupabasePlans, rule: str, field: str) -> None:
    at = getattr(sold.rules, rule)
    usage = Usage("pro", "ci_large")
    assert next_step(sold, usage, Seen(**{field: at})).kind is Kind.STAY
    assert next_step(sold, usage, Seen(**{field: at + 0.001})).kind is Kind.TUNE


# --------------------------------------------------------------------------- the same in the browser

RUN = """
const fs = require("fs"), vm = require("vm")
vm.runInThisContext(fs.readFileSync(process.argv[1], "utf8"))
const {sold, cases} = JSON.parse(fs.readFileSync(0, "utf8"))
const {bill, nextStep} = globalThis.sgSupabase
console.log(JSON.stringify(cases.map(([usage, seen]) => [bill(sold, usage), nextStep(sold, usage, seen)])))
"""


def test_the_calculator_of_the_page_computes_the_same(sold: SupabasePlans) -> None:
    loads = [
        Seen(**{name: high})  # type: ignore[arg-type]
        for name in ("cpu", "connections", "io_budget", "disk_used")
        for high in (0.0, 0.85)
    ]
    cases = [
        *((usage, seen) for usage, seen, *_ in STEPS.values()),
        *((usage, Seen()) for _, usage in INVOICES),
        *(
            (Usage(plan, compute, disk_gb=99, metered={"egress": 251.5, "users": 120_001}), seen)
            for plan in sold.plans
            for compute in sold.compute
            for seen in (*loads, *(replace(each, tuned=True, reads=0.9) for each in loads))
        ),
    ]
    given = {"sold": sold.model_dump(mode="json"), "cases": [[asdict(u), asdict(s)] for u, s in cases]}
    script = REPO / "docs" / "assets" / "sg-supabase.js"
    ran = subprocess.run(
        ["node", "-e", RUN, str(script)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    for (usage, seen), (total, step) in zip(cases, json.loads(ran.stdout), strict=True):
        assert total == _price(sold, usage), usage
        assert step == _plain(next_step(sold, usage, seen)), (usage, seen)


def _price(sold: SupabasePlans, usage: Usage) -> float | None:
    try:
        return bill(sold, usage)
    except NoPrice:
        return None


def _plain(step: Step) -> Mapping[str, Any]:
    plain: Mapping[str, Any] = json.loads(json.dumps(asdict(step)))
    return plain


# ------------------------------------------------------------------------ facts and the table agree


def test_what_the_topic_documents_is_what_the_table_of_sizes_says(sold: SupabasePlans) -> None:
    guide, _ = examine(REPO / "data", VARIABLES)
    assert guide is not None
    for tier in TIERS:
        value = {name: fact.value(tier) for name, fact in guide.facts.items() if name.startswith("supabase-")}
        size = sold.compute[value["supabase-compute"]]
        assert value["supabase-compute-running"] == value["supabase-compute"].removeprefix("ci_")
        assert size.connections in value["supabase-max-connections"]
        assert size.pooler_clients in value["supabase-pooler-clients"]
        assert value["supabase-pool-size"] == size.connections * 2 // 5
        assert value["supabase-replicas"] <= size.replicas
        assert value["supabase-disk-used"] == f"{sold.rules.disk_used:.0%}"
        assert set(value["supabase-plan"]) == {name for name, plan in sold.plans.items() if not plan.pauses}
