"""How a runbook is told to people, on its page and on paper: phases in words, commands where they are run."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_guide.model.runbooks import Confirm, Step
from scaling_guide.model.target import Target
from scaling_guide.render.commands import Command, Situation, render, render_step, targets


@dataclass(frozen=True)
class Words:
    """The heading of a phase, and what it means that all of its checks hold."""

    heading: str
    promise: str


PHASES: Mapping[str, Words] = {
    "preconditions": Words("Before you act", "Go only if all of these hold:"),
    "mitigate": Words("Mitigate", "Mitigated when all of these hold:"),
    "verify": Words("Verify", "Done when all of these hold:"),
    "roll_back": Words("Roll back", "Back when all of these hold:"),
}


def looks(look: Confirm, found: Situation) -> list[tuple[str, str]]:
    """Where a look is taken, and its command there. Raises as `commands.render` does."""
    return [(_place(target), render(look.run, found, target)) for target in targets(look, found)]


def steps(step: Step, found: Situation) -> list[tuple[str, Command]]:
    """Where a step is taken, and its command there. Raises as `commands.render` does."""
    return [(_place(target), render_step(step, found, target)) for target in targets(step, found)]


def _place(target: Target | None) -> str:
    return f"on {target.id}" if target else "from where you are"
