"""Config files from templates and documented values: the same file for the page, the download and the lab."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import FileSystemLoader, StrictUndefined

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TierName
from scaling_guide.model.rules.facts import version
from scaling_guide.model.target import Target


def render(
    guide: Guide,
    environment: Environment,
    target: Target,
    tier: TierName | None = None,
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, str]:
    """The config files of `target`: file name to text, for `tier` or the environment's own.

    `overrides` replaces documented values by fact id; that is how a mutant or the opposite of a rehearsal is
    made. Raises jinja2.UndefinedError where a template asks for a value that is not documented.
    """
    tier = tier or environment.tier
    product = version(target.version)
    context = {
        "v": {**guide.values(tier), **overrides},
        "env": environment,
        "target": target,
        "apps": environment.apps,
        "tier": tier,
        "at_least_version": lambda *wanted: product >= wanted,
    }
    folder = guide.directory / "templates" / target.system
    templates = _templates(folder)
    return {
        path.stem: templates.get_template(path.name).render(context) for path in sorted(folder.glob("*.j2"))
    }


@cache
def _templates(folder: Path) -> Jinja:
    # autoescape would turn a quote of a config file into an HTML entity
    return Jinja(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
