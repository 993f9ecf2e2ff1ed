"""What no interface tells and a person has looked at: the environment's own record, for as long as it holds.

It is a word and not an observation, so every setting of it begins with `attested`.
"""

from datetime import date
from typing import Any

from scaling_guide.model.environments import Attestation, Environment, Target
from scaling_guide.probes.observation import Found, Unsupported

REQUESTS = 0


def probe(environment: Environment, target: Target, deadline: float) -> Found:
    """What is attested of `target`, and by whom; what is out of date says so in place of its value.

    Raises Unsupported where nobody attests anything of it.
    """
    known = [each for each in environment.attestations if each.target == target.id]
    if not known:
        raise Unsupported(f"{target.id}: nobody attests anything of it in {environment.name}")
    values: dict[str, Any] = {}
    for each in known:
        values[f"attested > {each.setting}"] = _held(each, date.today())
        values[f"attested > {each.setting} > by"] = f"{each.by} on {each.on}, until {each.until}"
    return "", values


def _held(attestation: Attestation, today: date) -> Any:
    if today > attestation.until:
        return f"attested until {attestation.until} only"
    if today < attestation.on:
        return f"attested from {attestation.on} only"
    return attestation.value
