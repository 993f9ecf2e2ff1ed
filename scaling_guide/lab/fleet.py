"""The servers of the lab, as the environment `lab` and the config templates describe them."""

from functools import partial

from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import Server
from scaling_guide.lab.servers import app, haproxy, nginx
from scaling_guide.model.environments import AppTarget, Environment, NginxTarget, Target
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.record import TierName
from scaling_guide.render import configs

ENVIRONMENT = "lab"


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
    return [_server(lab, guide, environment, target, known[tier]) for target in targets]


def _server(lab: Lab, guide: Guide, environment: Environment, target: Target, tier: TierName) -> Server:
    render = partial(configs.render, guide, environment, target, tier)
    if isinstance(target, AppTarget):
        return app.server(lab, target, render)
    needs = tuple(each.id for each in environment.apps)
    if isinstance(target, NginxTarget):
        return nginx.server(lab, target, environment.site, render, needs)
    return haproxy.server(lab, target, environment.site, render, needs)
