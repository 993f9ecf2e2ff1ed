"""The servers of the lab, as the environment `lab` and the config templates describe them."""

from functools import partial

from scaling_guide.lab.driver import driver
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import Server
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.kept import load
from scaling_guide.model.lab_layout import ENVIRONMENT
from scaling_guide.model.record import TierName
from scaling_guide.model.target import Target
from scaling_guide.render import configs


def servers(lab: Lab, tier: str) -> list[Server]:
    """Every server of the environment, configured for the tier.

    Raises Invalid where `data/` is, and LabError for a tier that it does not have.
    """
    guide = load(lab.repo / "data", lab.variables)
    known = {str(name): name for name in guide.tiers}
    if tier not in known:
        raise LabError(f"there is no tier `{tier}`: use {', '.join(known)}")
    environment = guide.environments[ENVIRONMENT]
    targets = environment.targets.values()
    return [server(lab, guide, environment, target, known[tier]) for target in targets]


def server(lab: Lab, guide: Guide, environment: Environment, target: Target, tier: TierName) -> Server:
    """The server that a target of the environment describes, configured for the tier."""
    render = partial(configs.render, guide, environment, target, tier)
    return driver(target.system).server(lab, environment, target, render)
