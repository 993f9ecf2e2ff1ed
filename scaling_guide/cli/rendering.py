"""Runbooks with the commands for one environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from jinja2 import UndefinedError

from scaling_guide.cli import project
from scaling_guide.model.guide import Guide
from scaling_guide.model.runbooks import Runbook
from scaling_guide.render.commands import Situation, situation
from scaling_guide.render.incident_pack import runbook_text
from scaling_guide.verify.diagnosis import Diagnosis, diagnose

NOTHING: Mapping[str, str] = MappingProxyType({})


def runbook_for(
    guide: Guide, env: str, runbook: Runbook, server: str | None = None, given: Mapping[str, str] = NOTHING
) -> str:
    """The text of a runbook for the environment `env`. Exits as `project.environment` and `rendering` do."""
    environment = project.environment(guide, env)
    with rendering(env):
        return runbook_text(guide, environment, runbook, server, given)


def situation_of(
    guide: Guide, env: str, runbook: Runbook, server: str | None = None, given: Mapping[str, str] = NOTHING
) -> Situation:
    """The situation of a runbook in the environment `env`. Exits as `runbook_for` does."""
    environment = project.environment(guide, env)
    with rendering(env):
        return situation(guide, environment, runbook, server, given)


def diagnosis_of(
    guide: Guide, env: str, runbook: Runbook, server: str | None = None, given: Mapping[str, str] = NOTHING
) -> Diagnosis:
    """Which row of a runbook is the case in the environment `env`. Exits as `runbook_for` does."""
    found = situation_of(guide, env, runbook, server, given)
    with rendering(env):
        return diagnose(found)


@contextmanager
def rendering(env: str) -> Iterator[None]:
    """Exits with 4 where the environment lacks what a command needs."""
    try:
        yield
    except (LookupError, UndefinedError, ValueError) as error:
        raise project.usage(f"the runbooks cannot be rendered for {env}: {error}") from None
