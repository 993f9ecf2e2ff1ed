"""What an instance of the application says of itself: two health answers and its limits, three requests."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.target import AppTarget
from scaling_guide.probes.observation import Found, Malformed, Timeout, Unsupported
from scaling_guide.probes.probe import Probe
from scaling_guide.systems.app import latency
from scaling_guide.systems.web.client import Answer, Client

HEALTH = ("/livez", "/readyz")
ABOUT = "/about"
REQUESTS = len(HEALTH) + 1

_NO_SUCH_PAGE = (404, 405, 501)


def probe(environment: Environment, target: AppTarget, deadline: float) -> Found:
    """The version, health answers and limits of `target`, within `deadline` seconds.

    Raises Unreachable, Timeout, Malformed, and Unsupported where the application says nothing of its limits.
    """
    return asyncio.run(_bounded(environment, target, deadline))


async def _bounded(environment: Environment, target: AppTarget, deadline: float) -> Found:
    try:
        async with asyncio.timeout(deadline), Client(target.address, target.http, environment.site) as client:
            *health, about = await asyncio.gather(*(client.ask(path) for path in (*HEALTH, ABOUT)))
    except TimeoutError:
        raise Timeout(f"{target.id}: not all requests were answered within {deadline:g} s") from None
    limits = _limits(target, about)
    values = {f"about > {name}": value for name, value in limits.items() if name != "version"}
    for path, answer in zip(HEALTH, health, strict=True):
        values[f"{path} > status"] = answer.status
        values[f"{path} > cache-control"] = answer.headers.get("cache-control")
    return limits["version"], {"version": limits["version"], **values}


def _limits(target: AppTarget, about: Answer) -> Mapping[str, Any]:
    """What /about tells, by names with spaces: `keep alive`."""
    if about.status in _NO_SUCH_PAGE:
        raise Unsupported(
            f"{target.id}: there is no {ABOUT} to read the limits from: it answers {about.status}"
        )
    try:
        told = {name.replace("_", " "): value for name, value in json.loads(about.body).items() if value}
    except (ValueError, AttributeError):
        told = {}
    if about.status != 200 or not isinstance(told.get("version"), str):
        raise Malformed(f"{target.id}: {ABOUT} answers {about.status} and not a JSON object with a version")
    return told


PROBES: Mapping[str, Probe] = {
    "app": Probe(
        probe,
        by_hand={
            "": f"curl -s http://{{address}}:{{http}}{ABOUT}",
            **{path: f"curl -si http://{{address}}:{{http}}{path}" for path in HEALTH},
        },
        requests=REQUESTS,
        tells_version=True,
    ),
    "latency": Probe(
        latency.probe,
        by_hand={
            "": f"ab -n {latency.REQUESTS} -c {latency.AT_ONCE} -k http://{{address}}:{{http}}{{api}}",
        },
        requests=latency.REQUESTS,
        timed=True,
    ),
}
