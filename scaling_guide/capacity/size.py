"""How many machines a peak of requests needs, so that the loss of a zone at that peak is survived."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.topics import Tier


@dataclass(frozen=True)
class Size:
    """What carries a peak, in requests a second. `needed` replicas would just do, with none to spare."""

    tier: TierName
    peak: int
    zones: int
    load_balancers: int
    needed: int
    replicas: int


def size(tiers: Mapping[TierName, Tier], peak: int) -> Size:
    """The smallest tier that is sized for `peak` requests a second, and the replicas for that peak.

    The tiers and what one replica carries are those of data/tiers.yml, whose boundaries are rules of thumb.
    A product that grows never gets fewer replicas: what the tier below has at its own peak is the least, and
    the smallest tier is always whole. Raises ValueError for a peak below 1 or above that of every tier.
    """
    if peak < 1:
        raise ValueError(f"a peak is at least 1 request a second, not {peak:,}")
    fitting = [name for name in TIERS if peak <= tiers[name].peak_requests_per_second]
    if not fitting:
        most = max(tier.peak_requests_per_second for tier in tiers.values())
        raise ValueError(f"the guide is sized for up to {most:,} requests a second and says nothing of more")
    name = fitting[0]
    tier = tiers[name]
    below = tiers[TIERS[max(0, TIERS.index(name) - 1)]]
    needed = -(-peak // tier.requests_per_second_per_replica)
    replicas = with_spares(needed, tier.zones)
    least = -(-below.replicas // tier.zones) * tier.zones
    return Size(name, peak, tier.zones, tier.load_balancers, needed, max(replicas, least))


def with_spares(needed: int, zones: int) -> int:
    """How many to run over `zones`, the same number in each, so that `needed` are left when one zone is lost.

    That is Z/(Z-1) times what is needed, rounded up to whole zones: capacity that has to be started after
    the loss comes too late, and everybody else asks for it in the same minute (AWS Builders' Library,
    "Static stability using Availability Zones"). In a single zone nothing survives its loss; one more than
    needed lets one be drained or fail.
    """
    if zones == 1:
        return needed + 1
    return -(-needed // (zones - 1)) * zones
