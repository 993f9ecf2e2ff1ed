"""Config files from templates and documented values: the same file for the page, the download and the lab."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import FileSystemLoader, StrictUndefined, Template

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TierName
from scaling_guide.model.target import Target
from scaling_guide.model.versions import version


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
    context = template_context(guide, environment, target, tier or environment.tier)
    context["v"] = {**context["v"], **overrides}
    return {name: template.render(context) for name, template in templates(guide, target)}


def template_context(
    guide: Guide, environment: Environment, target: Target, tier: TierName
) -> dict[str, Any]:
    """What a template may use: `v` are the documented values by fact id."""
    product = version(target.version)
    return {
        "v": guide.values(tier),
        "env": environment,
        "target": target,
        "apps": environment.apps,
        "tier": tier,
        "at_least_version": lambda *wanted: product >= wanted,
    }


def templates(guide: Guide, target: Target) -> Iterator[tuple[str, Template]]:
    """The templates of a target's files, each with the name of the file."""
    folder = guide.directory / "templates" / target.system
    loaded = _templates(folder)
    for path in sorted(folder.glob("*.j2")):
        yield path.stem, loaded.get_template(path.name)


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
