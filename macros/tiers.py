"""The traffic tiers, and the way to one's own."""

from markupsafe import Markup

from macros.context import Context
from macros.escape import fill
from macros.svg import topology
from scaling_guide.model.topics import Tier


def table(site: Context) -> str:
    """The tiers as a table, with a field above it that names the tier for a peak, where scripts run."""
    return fill("tiers/table", site=site, tiers=site.guide.tiers)


def pictures(site: Context) -> str:
    """One drawing a tier of load balancers and replicas over zones."""
    drawn = {name: (tier, _picture(tier)) for name, tier in site.guide.tiers.items()}
    return fill("tiers/pictures", site=site, drawn=drawn)


def _picture(tier: Tier) -> Markup:
    counts = f"zones: {tier.zones}, load balancers: {tier.load_balancers}, replicas: {tier.replicas}"
    return topology(f"{tier.title}; {counts}", tier.zones, tier.load_balancers, tier.replicas)
