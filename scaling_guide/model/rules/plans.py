"""Prices and limits of vendors are in order, and not too old to be believed."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.rules.rule import problem


def stale_plan(guide: Guide, today: date) -> Iterator[Problem]:
    for name, sold in guide.plans.items():
        if today - sold.seen > timedelta(days=sold.keeps_days):
            what = f"the prices of {name} were read on {sold.seen} and keep for {sold.keeps_days} days"
            repair = "read the vendor's pages again, correct what has changed, and set `seen`"
            yield problem(sold, "PLAN_STALE", what, repair, "seen")


def plans_not_in_order(guide: Guide, today: date) -> Iterator[Problem]:
    for sold in guide.plans.values():
        for (below, smaller), (above, larger) in pairwise(sold.sizes.items()):
            for key in sold.RISING:
                if getattr(larger, key) < getattr(smaller, key):
                    what = f"{above} has a smaller {key} than {below}"
                    yield problem(larger, "PLAN_NOT_MONOTONE", what, "order the sizes, or correct it", key)
