"""Tiers and the arithmetic across systems."""

import ast
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from simpleeval import SimpleEval

from scaling_guide.model.budgets import Budget, Term
from scaling_guide.model.facts import for_tier
from scaling_guide.model.guide import Guide
from scaling_guide.model.measurements import UNREADABLE
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.units import Scalar, Unit, meaning


def tiers_not_monotone(guide: Guide, today: date) -> Iterator[Problem]:
    present: list[TierName] = [name for name in TIERS if name in guide.tiers]
    for name in TIERS:
        if name not in guide.tiers:
            at = Location(guide.directory / "tiers.yml")
            yield Problem(at, "TIER_UNDESCRIBED", f"tiers.yml lacks {name}", "describe the tier")
    for below, above in pairwise(present):
        smaller, larger = guide.tiers[below], guide.tiers[above]
        for key in ("peak_requests_per_second", "zones", "load_balancers", "replicas"):
            if getattr(larger, key) < getattr(smaller, key):
                what = f"{above} has a smaller {key} than {below}"
                yield problem(larger, "TIER_NOT_MONOTONE", what, "order the tiers by size", key)


def tier_without_room(guide: Guide, today: date) -> Iterator[Problem]:
    for name, tier in guide.tiers.items():
        # one zone, or one replica where there is one zone, may be lost at peak
        surviving = (
            tier.replicas - max(1, -(-tier.replicas // tier.zones)) if tier.zones > 1 else tier.replicas - 1
        )
        capacity = surviving * tier.requests_per_second_per_replica
        if capacity < tier.peak_requests_per_second:
            peak = tier.peak_requests_per_second
            what = f"{name}: {surviving} surviving replicas carry {capacity} of {peak} requests per second"
            yield problem(tier, "TIER_WITHOUT_ROOM", what, "raise replicas or lower the peak", "replicas")


def budget_broken(guide: Guide, today: date) -> Iterator[Problem]:
    for budget in guide.budgets.values():
        for tier in TIERS:
            try:
                terms = budget_terms(guide, budget, tier)
                expression = ast.parse(budget.holds, mode="eval").body
                held = SimpleEval(names=terms, functions={}).eval(budget.holds, expression)
            except UNREADABLE as error:
                what = f"{budget.title} cannot be computed for {tier}: {error}"
                yield problem(budget, "BUDGET_UNREADABLE", what, "correct the terms or `holds`", "holds")
                break
            if held is not True:
                shown = ", ".join(f"{name} = {value:g}" for name, value in terms.items())
                what = f"{budget.title}: `{budget.holds}` does not hold for {tier} ({shown})"
                yield problem(budget, budget.code, what, "change a term's value so that it holds", "holds")


def budget_terms(guide: Guide, budget: Budget, tier: TierName) -> dict[str, float]:
    """The terms of `budget` for `tier` in base units: bytes, milliseconds, plain numbers.

    Raises ValueError for an unknown fact and for a value that is no number in its unit, KeyError for a fact
    without a value for `tier`.
    """
    terms: dict[str, float] = {}
    for name, term in budget.terms.items():
        if term.fact is not None and term.fact not in guide.facts:
            raise ValueError(f"{term.fact} is no fact")
        written, unit = _written(guide, term, tier)
        terms[name] = meaning(written, unit)
        if not isinstance(terms[name], int | float):
            raise ValueError(f"`{terms[name]}` is no number: {name} needs a unit")
    return terms


def _written(guide: Guide, term: Term, tier: TierName) -> tuple[Scalar, Unit]:
    if term.fact:
        fact = guide.facts[term.fact]
        return fact.used(tier), fact.unit
    if term.tier:
        return getattr(guide.tiers[tier], term.tier), Unit.COUNT
    return for_tier(term.value, tier), term.unit
