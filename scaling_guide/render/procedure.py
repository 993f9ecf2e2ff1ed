"""A runbook for people, on its page and on paper: phases in words, commands as they are printed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from scaling_guide.model.runbooks import Confirm, Finding, Step
from scaling_guide.model.target import Target
from scaling_guide.render.commands import (
    Command,
    Printer,
    Situation,
    render,
    rounds,
    step_commands,
    targets,
)


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
NO_CONTACT = "nobody is named: add the owner to `contacts` of the environment"

Placed = list[tuple[str, Command]]


@dataclass(frozen=True)
class Procedure:
    """The runbook of a situation as it is printed."""

    found: Situation

    @cached_property
    def printer(self) -> Printer:
        """How its commands are written down."""
        return Printer(self.found)

    def looks(self, look: Confirm) -> list[tuple[str, str]]:
        """Where a look is taken, and its command there. Raises as `commands.render` does."""
        return [
            (place(target), self.printer.text(render(look.run, self.found, target)))
            for target in targets(look, self.found)
        ]

    def steps(self, step: Step, found: Situation | None = None) -> Placed:
        """Where a step is taken, and its command there. Raises as `commands.render` does."""
        return [
            (place(command.target), self.printed(command))
            for command in step_commands(step, found or self.found)
        ]

    def rounds(self, steps: Sequence[Step]) -> list[tuple[str | None, list[tuple[Step, Placed]]]]:
        """Steps in their order; those that are for each server, once for each, with its name."""
        return [
            (
                about.server.id if together[0].each_server else None,
                [(step, self.steps(step, about)) for step in together],
            )
            for together, about in rounds(steps, self.found)
        ]

    def printed(self, command: Command) -> Command:
        """A command with its texts as they are printed."""
        wait = self.printer.text(command.wait) if command.wait else None
        return replace(command, run=self.printer.text(command.run), wait=wait)

    @cached_property
    def settings(self) -> str:
        """What is defined once, before the first command: the connections that the commands use."""
        runbook = self.found.runbook
        texts = [text for look in runbook.confirm for _, text in self.looks(look)]
        own = [step for row in runbook.diagnose for step in row.own_steps]
        steps = [step for phase in runbook.phases.values() for step in phase.steps]
        for step in (*steps, *own, *runbook.users):
            for _, command in self.steps(step):
                texts += [command.run, command.wait or ""]
        return self.printer.settings(texts)

    @property
    def contact(self) -> str:
        """How to reach the owner, in the environment of the situation."""
        return self.found.environment.contacts.get(self.found.runbook.owner, NO_CONTACT)

    def needed_by(self, step: Step) -> list[str]:
        """The rows that name a step of the mitigation; none where every row takes it."""
        rows: tuple[Finding, ...] = self.found.runbook.diagnose
        return [row.id for row in rows if step.id is not None and step.id in row.steps]


def place(target: Target | None) -> str:
    """Where a command is run, for people."""
    return f"on {target.id}" if target else "from where you are"
