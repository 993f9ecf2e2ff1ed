"""A runbook page, in the order in which someone on call needs it."""

from collections.abc import Callable

from macros.context import Context
from macros.escape import fill
from macros.topic import seen
from scaling_guide.model.record import System
from scaling_guide.model.runbooks import Runbook

Render = Callable[[str, System | None], str]
_PHASES = {
    "preconditions": "Before you act",
    "mitigate": "Mitigate",
    "verify": "Verify",
    "roll_back": "Roll back",
}


def page(site: Context, runbook: Runbook, render: Render) -> str:
    """The whole runbook as Markdown with a heading for each part.

    `render` turns the template of a command into the command for the environment that the page speaks about.
    """

    def block(template: str, **values: object) -> str:
        return fill(f"runbook/{template}", site=site, runbook=runbook, render=render, **values)

    checked = {fact.id for fact in site.guide.runbook_facts(runbook.id)} | set(runbook.facts)
    parts = [
        block("strip", verified=seen(site, sorted(checked))),
        "## Symptom",
        block("symptom"),
        "## Impact",
        block("impact"),
        "## Confirm",
        block("confirm"),
        "## Diagnose",
        block("diagnose"),
    ]
    for name, heading in _PHASES.items():
        parts += [f"## {heading}", block("phase", phase=runbook.phases[name], name=name)]
    parts += ["## Afterwards", block("afterwards")]
    return "\n\n".join(parts)


def index(site: Context) -> str:
    """All runbooks by the symptom that leads to them, then by the alert."""
    runbooks = sorted(site.guide.runbooks.values(), key=lambda runbook: runbook.symptom)
    by_alert = sorted((alert, runbook) for runbook in runbooks for alert in runbook.alerts)
    return fill("runbook/index", site=site, runbooks=runbooks, alerts=by_alert)
