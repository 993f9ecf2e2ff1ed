"""What the engine must know of one way of asking a target."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.systems import part, systems
from scaling_guide.probes.observation import Found

Look = Callable[[Environment, Any, float], Found]
"""Asks a target within a deadline in seconds: its version, and what was found. Raises CannotObserve."""

Search = Callable[[Sequence[str]], str]
"""The segments of a setting to the arguments with which `grep` finds it."""


class Over(Flag):
    """The ways that a probe takes to its target. Each can fail on its own."""

    NOTHING = 0
    NETWORK = auto()
    HOST = auto()
    SOCKET = auto()


def find_word(segments: Sequence[str]) -> str:
    """For output with the bare name of the setting in it."""
    return grep(segments[-1], "-w")


def grep(name: str, options: str) -> str:
    """Options and a quoted pattern for a name; runs of blanks count as one if `-E` is among the options."""
    if "E" not in options:
        return f"{options} {shlex.quote(name)}"
    words = (re.sub(r"([$+?()\[\]{}|])", r"\\\1", word) for word in name.split())
    return f"{options} {shlex.quote(' +'.join(words))}"


@dataclass(frozen=True)
class Probe:
    """One source of a target, read in one round trip where it can be.

    `by_hand` has the command that shows a person the same thing, by the first segment of the setting (empty
    for all others). Templates take the fields of the target, the site of the environment, and `search`. The
    command is typed on the target's host if `typed_on_host`. `requests` is how many ordinary requests one
    observation sends. A `timed` probe observes a time, which other observations would lengthen.
    `tells_version` marks the probe to ask for nothing but the version.
    """

    look: Look
    by_hand: Mapping[str, str]
    over: Over = Over.NETWORK
    requests: int = 0
    typed_on_host: bool = False
    search: Search = find_word
    timed: bool = False
    tells_version: bool = False


def probes_of(system: str) -> Mapping[str, Probe]:
    """Every probe of a system by name."""
    module = part(system, "probe")
    found: Mapping[str, Probe] = module.PROBES if module else {}
    return found


def probe(name: str, system: str | None = None) -> Probe:
    """The probe of that name, as `system` has it; if None, as the first system does that has it.

    Raises LookupError for one that the system does not have.
    """
    for each in (system,) if system else systems():
        if name in systems()[each].probes:
            return probes_of(each)[name]
    raise LookupError(f"{system or 'no system'} has no probe `{name}`")
