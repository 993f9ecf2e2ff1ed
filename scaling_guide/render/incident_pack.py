"""Everything that someone on call needs, as plain files: for when the site is down too."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment as Jinja
from jinja2 import FileSystemLoader, StrictUndefined

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.results import Run
from scaling_guide.model.runbooks import Runbook
from scaling_guide.render import configs
from scaling_guide.render.alerts import alert_rules
from scaling_guide.render.commands import situation
from scaling_guide.render.documented import value_of
from scaling_guide.render.procedure import PHASES, Procedure
from scaling_guide.render.site import ALERTS


def incident_pack(guide: Guide, environment: Environment, run: Run | None, today: date) -> dict[str, str]:
    """The files of the pack, name to text: runbooks rendered for `environment`, rules, config files, results.

    `run` is the latest `results.json` of the environment, None where there is none. Raises LookupError and
    jinja2.UndefinedError where the environment lacks what a command needs.
    """
    runbooks = sorted(guide.runbooks.values(), key=lambda each: each.symptom)
    alerts = sorted(((alert, each) for each in runbooks for alert in each.alerts), key=lambda pair: pair[0])
    files = {
        "README.md": _fill(
            "README", env=environment, runbooks=runbooks, alerts=alerts, run=run, today=today.isoformat()
        ),
        ALERTS: alert_rules(guide),
        **{f"runbooks/{each.id}.md": runbook_text(guide, environment, each) for each in runbooks},
    }
    for target in environment.targets.values():
        for name, text in configs.render(guide, environment, target).items():
            files[f"configs/{target.id}/{name}"] = text
    if run is not None:
        files["results.json"] = run.text()
    return files


def runbook_text(
    guide: Guide,
    environment: Environment,
    runbook: Runbook,
    server: str | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A whole runbook as Markdown that reads well in a terminal, with the values that are `given`.

    Raises as `incident_pack` and `situation` do.
    """
    found = situation(guide, environment, runbook, server, given)
    text = _fill(
        "runbook",
        guide=guide,
        env=environment,
        runbook=runbook,
        found=found,
        phases=PHASES,
        shown=Procedure(found),
        value_of=value_of(guide, environment.tier),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def _fill(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(f"{template}.md.j2").render(values)


_TEMPLATES = Jinja(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # autoescape would turn a quote of a command into an HTML entity
    autoescape=False,
)
