"""The size for a peak: enough of everything also without a zone, and never less for more."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_guide.capacity.size import size, with_spares
from scaling_guide.model.load import examine
from scaling_guide.model.record import TIERS

DATA = Path(__file__).parents[2] / "data"
GUIDE, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"})
assert GUIDE is not None
TIER = GUIDE.tiers
MOST = max(tier.peak_requests_per_second for tier in TIER.values())
peaks = st.integers(1, MOST)


@pytest.mark.parametrize("name", TIERS)
def test_at_its_own_peak_a_tier_has_what_is_documented(name) -> None:
    tier = TIER[name]
    found = size(TIER, tier.peak_requests_per_second)
    assert found.tier == name
    assert (found.replicas, found.load_balancers, found.zones) == (
        tier.replicas,
        tier.load_balancers,
        tier.zones,
    )


@given(peaks)
def test_the_tier_is_the_smallest_that_is_sized_for_the_peak(peak: int) -> None:
    name = size(TIER, peak).tier
    assert peak <= TIER[name].peak_requests_per_second
    for smaller in TIERS[: TIERS.index(name)]:
        assert peak > TIER[smaller].peak_requests_per_second


@given(peaks)
def test_what_is_left_without_a_zone_carries_the_peak(peak: int) -> None:
    found = size(TIER, peak)
    left = found.replicas // found.zones * (found.zones - 1) if found.zones > 1 else found.replicas - 1
    assert found.replicas % found.zones == 0
    assert left >= found.needed
    assert left * TIER[found.tier].requests_per_second_per_replica >= peak


@given(peaks, peaks)
def test_a_higher_peak_never_gets_less(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert size(TIER, less).replicas <= size(TIER, more).replicas
    assert size(TIER, less).load_balancers <= size(TIER, more).load_balancers


@pytest.mark.parametrize(
    ("peak", "why"), [(0, "at least 1"), (-5, "at least 1"), (MOST + 1, "says nothing of more")]
)
def test_a_peak_without_an_answer_is_refused_with_the_reason(peak: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        size(TIER, peak)


@pytest.mark.parametrize(
    ("needed", "zones", "run"), [(2, 1, 3), (10, 2, 20), (100, 3, 150), (6, 3, 9), (7, 3, 12), (1, 4, 4)]
)
def test_spares_are_z_over_z_minus_one_in_whole_zones(needed: int, zones: int, run: int) -> None:
    assert with_spares(needed, zones) == run
