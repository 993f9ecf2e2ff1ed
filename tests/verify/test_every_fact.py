"""Every documented fact, on every tier: the right value is green, every wrong one and none at all is red.

What the lab shows with real servers for one tier, this shows in memory for all of them.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from scaling_guide.model.expectation import Undetermined
from scaling_guide.model.facts import Claim, Fact
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.record import TIERS
from tests.verify.observations import at, guide, right

LAB = guide().environments["lab"]
FACTS = list(guide().facts.values())
NOTHING: tuple[Any, ...] = (None, "", [], [""], [None])

every_fact = pytest.mark.parametrize("fact", FACTS, ids=[fact.id for fact in FACTS])


def claims(fact: Fact) -> list[Claim]:
    """What the fact claims on each tier."""
    return [fact.claim(LAB.model_copy(update={"tier": tier})) for tier in TIERS]


def green(claim: Claim) -> Mapping[str, Any]:
    """An observation that meets the claim."""
    return {at(claim.setting): right(claim.expectation)}


def wrong(fact: Fact, claim: Claim) -> list[Any]:
    return [*wrong_values(claim.expectation, fact.alternatives), *NOTHING]


@every_fact
def test_the_documented_value_is_green(fact: Fact) -> None:
    assert [claim for claim in claims(fact) if not claim.judge(green(claim)).met] == []


@every_fact
def test_every_wrong_value_and_none_is_red(fact: Fact) -> None:
    survivors = [
        (claim.expectation, value)
        for claim in claims(fact)
        for value in wrong(fact, claim)
        if claim.judge({at(claim.setting): value}).met
    ]
    assert survivors == []


@every_fact
def test_an_observation_of_something_else_is_red(fact: Fact) -> None:
    for claim in claims(fact):
        assert not claim.judge({}).met
        assert not claim.judge({f"not {name}": value for name, value in green(claim).items()}).met


@pytest.mark.parametrize("fact", [fact for fact in FACTS if "*" in fact.setting], ids=lambda fact: fact.id)
def test_one_wrong_value_among_right_ones_is_red(fact: Fact) -> None:
    for claim in claims(fact):
        places = [claim.setting.replace("*", name) for name in ("1", "2", "3")]
        all_right = dict.fromkeys(places, right(claim.expectation))
        assert claim.judge(all_right).met
        for value in wrong(fact, claim):
            assert not claim.judge({**all_right, places[1]: value}).met


@every_fact
def test_an_empty_population_is_green_only_where_the_record_says_why(fact: Fact) -> None:
    for claim in claims(fact):
        verdict = claim.judge({at(claim.setting): Undetermined("no member", empty=True)})
        assert verdict.met == (fact.when_empty is not None)
        assert verdict.met or verdict.undetermined == "no member"


@every_fact
def test_there_is_a_way_to_break_it(fact: Fact) -> None:
    derived = [wrong_values(claim.expectation, fact.alternatives) for claim in claims(fact)]
    assert all(derived) or fact.mutations, "name `alternatives`, or `mutations` that break it"
