"""A runbook page, in the order in which someone on call needs it."""

from macros import measured
from macros.context import Context
from macros.escape import fill
from macros.topic import seen, settings
from scaling_guide.model.runbooks import Runbook
from scaling_guide.render.commands import situation
from scaling_guide.render.procedure import PHASES, looks, steps


def page(site: Context, runbook: Runbook) -> str:
    """The whole runbook as Markdown with a heading for each part, its commands for the example environment.

    Raises LookupError and jinja2.UndefinedError where a command cannot be rendered.
    """
    found = situation(site.guide, site.example, runbook)

    def block(template: str, **values: object) -> str:
        return fill(f"runbook/{template}", site=site, runbook=runbook, **values)

    checked = dict.fromkeys([*(fact.id for fact in site.guide.runbook_facts(runbook.id)), *runbook.facts])
    rehearsed = site.known.measured.get(runbook.id)
    outdated = rehearsed is not None and measured.is_outdated(site.guide, rehearsed, runbook)
    parts = [
        block("strip", rehearsed=rehearsed, outdated=outdated, verified=seen(site, checked)),
        "## Symptom",
        block("symptom"),
        "## Impact",
        block("impact"),
        "## Confirm",
        block(
            "confirm", looks=[(look, looks(look, found)) for look in runbook.confirm], server=found.server.id
        ),
        "## Diagnose",
        block("diagnose"),
    ]
    for name, words in PHASES.items():
        phase = runbook.phases[name]
        placed = [(step, steps(step, found)) for step in phase.steps]
        told = block("phase", phase=phase, name=name, promise=words.promise, steps=placed)
        parts += [f"## {words.heading}", told]
    parts += ["## Afterwards", block("afterwards")]
    parts += ["## Rehearsed", measured.table(site, runbook)]
    if runbook.facts:
        parts += ["## What this runbook checks", settings(site, runbook.facts.values())]
    return "\n\n".join(parts)


def index(site: Context) -> str:
    """All runbooks by the symptom that leads to them, then by the alert."""
    runbooks = sorted(site.guide.runbooks.values(), key=lambda runbook: runbook.symptom)
    by_alert = sorted((alert, runbook.id) for runbook in runbooks for alert in runbook.alerts)
    return fill("runbook/index", site=site, runbooks=runbooks, alerts=by_alert)
