"""The servers of the lab, as the environment `lab` and the config templates describe them."""

from functools import partial

from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.server import Server
from scaling_guide.lab.servers import (
    app,
    haproxy,
    host,
    memcached,
    nginx,
    pgbouncer,
    postgres,
    redis,
    sentinel,
    supabase,
)
from scaling_guide.model.environments import (
    AppTarget,
    Environment,
    LinuxTarget,
    MemcachedTarget,
    NginxTarget,
    PgbouncerTarget,
    PostgresTarget,
    RedisTarget,
    SentinelTarget,
    SupabaseTarget,
    Target,
)
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.record import System, TierName
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
    return [server(lab, guide, environment, target, known[tier]) for target in targets]


def server(lab: Lab, guide: Guide, environment: Environment, target: Target, tier: TierName) -> Server:
    """The server that a target of the environment describes, configured for the tier."""
    render = partial(configs.render, guide, environment, target, tier)
    if isinstance(target, AppTarget):
        places = {**redis.places(lab, environment), **pgbouncer.places(lab, environment)}
        return app.server(lab, target, render, places)
    if isinstance(target, LinuxTarget):
        return host.server(lab, target, render)
    if isinstance(target, RedisTarget):
        return redis.server(lab, target, render, (target.master,) if target.master else ())
    if isinstance(target, SentinelTarget):
        watched = environment.of(System.REDIS)
        return sentinel.server(lab, environment, target, render, tuple(each.id for each in watched))
    if isinstance(target, SupabaseTarget):
        return supabase.server(lab, target, render)
    if isinstance(target, MemcachedTarget):
        return memcached.server(lab, target, render)
    if isinstance(target, PostgresTarget):
        upstream = environment.targets[target.upstream] if target.upstream else None
        assert upstream is None or isinstance(upstream, PostgresTarget)
        return postgres.server(lab, target, render, upstream)
    if isinstance(target, PgbouncerTarget):
        return pgbouncer.server(lab, target, render, (target.primary,))
    needs = tuple(each.id for each in environment.apps)
    if isinstance(target, NginxTarget):
        return nginx.server(lab, target, environment.site, render, needs)
    return haproxy.server(lab, target, environment.site, render, needs)
