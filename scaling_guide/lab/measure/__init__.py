"""Measurements: the id of a record in `data/measurements` to the function that measures it."""

from collections.abc import Mapping
from functools import cache

from scaling_guide.lab.measure.rig import Prepare
from scaling_guide.model.systems import part, systems


@cache
def measurements() -> Mapping[str, Prepare]:
    """Every measurement of every system."""
    found: dict[str, Prepare] = {}
    for system in systems():
        module = part(system, "measurements")
        found |= module.MEASUREMENTS if module else {}
    return found
