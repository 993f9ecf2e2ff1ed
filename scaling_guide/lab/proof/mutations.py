"""Named mutations: what the lab can break of each system, by the names that facts and scenarios give."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from scaling_guide.lab.proof.bench import Bench
from scaling_guide.model.systems import part, systems

Applied = Callable[[Bench], AbstractAsyncContextManager[str]]
"""Breaks a target, yields what changed, and mends it. Raises DidNotLand if it did not come about."""

Mutations = Mapping[str, Applied]


def mutations_of(system: str) -> Mutations:
    """The mutations of a system by name."""
    module = part(system, "mutations")
    found: Mutations = module.MUTATIONS if module else {}
    return found


def stops_of(system: str) -> frozenset[str]:
    """The mutations of a system that take away what other systems are asked for meanwhile."""
    found: frozenset[str] = getattr(part(system, "mutations"), "STOPS", frozenset())
    return found


def every_name() -> frozenset[str]:
    """Every name that some system has a mutation for."""
    return frozenset(name for system in systems() for name in mutations_of(system))
