"""Runbooks with the commands for one environment."""

from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import UndefinedError

from scaling_guide.cli import project
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook
from scaling_guide.render.incident_pack import runbook_text


def runbook_for(guide: Guide, env: str, runbook: Runbook) -> str:
    """The text of a runbook for the environment `env`. Exits as `project.environment` and `rendering` do."""
    environment = project.environment(guide, env)
    with rendering(env):
        return runbook_text(guide, environment, runbook)


@contextmanager
def rendering(env: str) -> Iterator[None]:
    """Exits with 4 where the environment lacks what a command needs."""
    try:
        yield
    except (LookupError, UndefinedError) as error:
        raise project.usage(f"the runbooks cannot be rendered for {env}: {error}") from None
