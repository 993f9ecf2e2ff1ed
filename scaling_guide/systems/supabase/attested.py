"""What no interface tells and a person has looked at: the environment's own record, for as long as it holds.

It is a word and not an observation, so every setting of it begins with `attested`.
"""

import socket
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from scaling_guide.model.environments import Attestation, Environment
from scaling_guide.model.today import today
from scaling_guide.probes.observation import Found, Timeout, Unreachable, Unsupported
from scaling_guide.systems.supabase.target import SupabaseTarget

REQUESTS = 0


def probe(environment: Environment, target: SupabaseTarget, deadline: float) -> Found:
    """What is attested of `target`, and by whom; what is out of date says so in place of its value.

    Raises Unsupported where nobody attests anything of it, and Unreachable or Timeout where nobody answers at
    the target: a word about what is not there is not held.
    """
    known = [each for each in environment.attestations if each.target == target.id]
    if not known:
        raise Unsupported(f"{target.id}: nobody attests anything of it in {environment.name}")
    _demand_somebody(target, deadline)
    values: dict[str, Any] = {}
    for each in known:
        values[f"attested > {each.setting}"] = _held(each, today())
        values[f"attested > {each.setting} > by"] = f"{each.by} on {each.on}, until {each.until}"
    return "", values


def _demand_somebody(target: SupabaseTarget, deadline: float) -> None:
    """Raises Unreachable or Timeout where nothing accepts a connection."""
    url = urlsplit(target.url)
    try:
        socket.create_connection((url.hostname, url.port or 443), timeout=deadline).close()
    except TimeoutError:
        raise Timeout(f"{target.id}: no connection within {deadline:g} s") from None
    except OSError as error:
        raise Unreachable(f"{target.id}: {error.strerror or error}") from None


def _held(attestation: Attestation, day: date) -> Any:
    if day > attestation.until:
        return f"attested until {attestation.until} only"
    if day < attestation.on:
        return f"attested from {attestation.on} only"
    return attestation.value
