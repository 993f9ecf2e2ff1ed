"""Every operand of every budget, on every tier, pushed past its bound: validation finds it by its code.

An operand that could be anything without breaking its budget would only look like arithmetic.
"""

from datetime import date
from pathlib import Path

import pytest

from scaling_guide.model.budgets import Budget
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.rules import RULES
from scaling_guide.model.rules.budgets import budget_broken, budget_terms
from scaling_guide.model.units import Scalar, Unit

REPO = Path(__file__).parents[2]
GUIDE = load(REPO / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": str(REPO), "user": "me"})
OPERANDS = [(name, term) for name, budget in GUIDE.budgets.items() for term in budget.terms]
TODAY = date(2026, 11, 24)
STEPS = 40

# the invariants across systems of the data tier, and the budgets that hold them
INVARIANTS = {
    "pools within the connections of the server": ["pools-within-connections", "pool-within-cap"],
    "clients of the pooler": ["application-pools-within-clients"],
    "open files": ["pooler-files-for-clients", "redis-files-for-clients", "files-for-connections"],
    "timeouts": ["statement-timeout-ladder", "server-timeouts-outlast-roles", "nginx-timeout-ladder",
                 "haproxy-timeout-ladder", "application-waits-for-database", "application-closes-last"],
    "memory of the database": ["database-memory"],
    "memory of caches": ["cache-within-container", "sessions-within-container"],
    "a replica and its primary": ["standby-holds-what-primary-has"],
    "slots and senders": ["slots-within-disk", "slots-and-senders", "slot-limit-above-kept-log"],
    "accept queues": ["backlogs-within-kernel", "backlog-not-cut"],
}  # fmt: skip


def with_operand(budget: Budget, name: str, tier: TierName, value: float) -> Guide:
    """The guide with this budget alone, and one of its operands another on this tier."""
    term = budget.terms[name]
    update: dict[str, object] = {"budgets": {"it": budget}}
    if term.tier:
        other = GUIDE.tiers[tier].model_copy(update={term.tier: value})
        return GUIDE.model_copy(update=update | {"tiers": {**GUIDE.tiers, tier: other}})
    if term.fact:
        fact = GUIDE.facts[term.fact]
        used = {each: fact.used(each) for each in TIERS} | {tier: written(value, fact.unit)}
        guide = GUIDE.model_copy(update=update)
        guide.__dict__["facts"] = {**GUIDE.facts, term.fact: fact.model_copy(update={"use": used})}
        return guide
    values = term.value if isinstance(term.value, dict) else dict.fromkeys(TIERS, term.value)
    replaced = term.model_copy(update={"value": {**values, tier: written(value, term.unit)}})
    terms = {**budget.terms, name: replaced}
    return GUIDE.model_copy(update={"budgets": {"it": budget.model_copy(update={"terms": terms})}})


def written(value: float, unit: Unit) -> Scalar:
    return f"{value:f}ms" if unit is Unit.DURATION else f"{value:f}" if unit is Unit.BYTES else value


def broken(budget: Budget, name: str, tier: TierName, value: float) -> bool:
    """Whether validation finds the budget broken on this tier. Any other complaint fails the test."""
    problems = list(budget_broken(with_operand(budget, name, tier, value), TODAY))
    assert {problem.code for problem in problems} <= {budget.code}, problems
    return any(f"does not hold for {tier} (" in problem.message for problem in problems)


@pytest.mark.parametrize(("name", "operand"), OPERANDS, ids=[".".join(each) for each in OPERANDS])
@pytest.mark.parametrize("tier", TIERS)
def test_an_operand_past_its_bound_is_found(name: str, operand: str, tier: TierName) -> None:
    budget = GUIDE.budgets[name]
    documented = budget_terms(GUIDE, budget, tier)[operand]
    assert not broken(budget, operand, tier, documented)
    beyond = [value for value in (0, documented * 1e6 + 1) if broken(budget, operand, tier, value)]
    assert beyond, f"whatever {operand} is, {name} holds"
    for wrong in beyond:
        right = documented
        for _ in range(STEPS):
            middle = (right + wrong) / 2
            right, wrong = (right, middle) if broken(budget, operand, tier, middle) else (middle, wrong)
        # the bound lies between the two, and a thousandth of it further on is out again
        assert abs(right - wrong) <= 1e-3 * max(abs(right), 1)
        assert broken(budget, operand, tier, wrong + (wrong - documented) * 1e-3)


def test_validation_looks_at_budgets() -> None:
    assert budget_broken in RULES


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_an_invariant_is_held_by_budgets(invariant: str) -> None:
    assert [name for name in INVARIANTS[invariant] if name not in GUIDE.budgets] == []
