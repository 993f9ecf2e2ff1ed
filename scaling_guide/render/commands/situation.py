"""What a runbook's commands are rendered for, and at which servers they are run."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Placed, Runbook
from scaling_guide.model.target import AppTarget, Target


@dataclass(frozen=True)
class Situation:
    """A place, the server that the runbook is about, what was decided, and who runs the commands.

    `user` is a system user. On a server that is `root`, save for a lab, which any user may start.
    """

    guide: Guide
    environment: Environment
    runbook: Runbook
    server: AppTarget
    parameters: Mapping[str, str]
    user: str

    def switch(self, user: str) -> str:
        """What a command begins with that is to be run as another system user."""
        # who is not root has started the servers of a lab as himself, and can be nobody else
        is_own_lab = self.environment.loopback and self.user != "root"
        return "" if is_own_lab or user == self.user else f"runuser -u {user} --"


def targets(step: Placed, found: Situation) -> tuple[Target | None, ...]:
    """Where a step or a look is run; None stands for where the guide is."""
    if step.system is None:
        return (None,)
    systems = (step.system,) if isinstance(step.system, str) else step.system
    return tuple(
        each
        for each in found.environment.of(*systems)
        if step.role in (None, each.role) and (each.system != "app" or each == found.server)
    )
