"""Documented values as numbers, for readings that are held against them."""

from collections.abc import Callable

from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TierName
from scaling_guide.model.units import meaning


def value_of(guide: Guide, tier: TierName) -> Callable[[str], float]:
    """The documented value of a fact as a number, in the base of its unit.

    What comes back raises KeyError for an unknown fact, and ValueError where its value is no number.
    """

    def value(fact_id: str) -> float:
        fact = guide.facts[fact_id]
        return float(meaning(fact.value(tier), fact.unit))

    return value
