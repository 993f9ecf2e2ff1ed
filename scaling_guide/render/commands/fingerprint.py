"""Whether the commands of a runbook are still those that were rehearsed."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from scaling_guide.model.environments import Environment
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.target import LoadBalancer
from scaling_guide.render.commands.rendering import phase_commands, render, situation
from scaling_guide.render.commands.situation import Situation, targets
from scaling_guide.render.coverage import LAB

# who runs the commands makes no difference
_ANYBODY = "anybody"


def digest(guide: Guide, procedure: Runbook | Experiment) -> str:
    """A fingerprint of the looks and steps as the lab runs them: it changes exactly when one is another.

    The number and the place of the lab make no difference to it, nor do short names and line breaks; an
    experiment has no commands at all. Raises as `render` does.
    """
    commands: list[str] = []
    if isinstance(procedure, Runbook):
        place = guide.environments[LAB]
        given = procedure.rehearsal.parameters if procedure.rehearsal else {}
        found = situation(guide, place, procedure, given=given, user=_ANYBODY, practice=True)
        commands = [_without_place(text, place) for text in _texts(found)]
    return sha256(json.dumps(commands).encode()).hexdigest()[:16]


def _texts(found: Situation) -> Iterator[str]:
    for look in found.runbook.confirm:
        for target in targets(look, found):
            yield render(look.run, found, target)
    for phase in found.runbook.phases:
        for command in phase_commands(found, phase):
            # what a scenario may leave out, and what a rehearsal may refuse
            yield f"{phase} {command.step.id} {command.step.safety}"
            yield from (command.run, command.wait or "")


def _without_place(text: str, place: Environment) -> str:
    """The command with words for the network and the directory of the lab."""
    address = next(iter(place.targets.values())).address
    # in a pattern, the dots have a backslash before them
    net = r"\\*\.".join(address.split(".")[:-1])
    text = re.sub(rf"\b{net}(?=\\*\.[0-9])", "${net}", text)
    for target in place.targets.values():
        directory = getattr(target, "directory", None)
        if isinstance(target, LoadBalancer) and directory:
            return text.replace(str(Path(directory).parent), "${root}")
    return text
