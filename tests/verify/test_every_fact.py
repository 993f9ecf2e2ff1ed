"""All documented facts can hold at once, on every tier.

How a single value is judged is shown for each operator in tests/model/test_expectation.py, and that each fact
can be broken is a rule of the data (UNPROVEN_FACT, NOTHING_WRONG_TO_RENDER).
"""

import pytest

from scaling_guide.model.record import TIERS, TierName
from tests.verify.observations import checks, documented, guide

LAB = guide().environments["lab"]


@pytest.mark.parametrize("tier", TIERS)
def test_no_two_facts_of_a_setting_contradict_each_other(tier: TierName) -> None:
    environment = LAB.model_copy(update={"tier": tier})
    seen = documented(environment)
    assert len(seen) > 10
    assert {check.needs for check in checks(environment)} == seen.keys()
