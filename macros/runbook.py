"""A runbook page, in the order in which someone on call needs it."""

from collections.abc import Mapping
from datetime import date

from macros import measured
from macros.context import Context
from macros.escape import fill
from macros.topic import seen, settings
from scaling_guide.model.diagnoses import read
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.systems import systems
from scaling_guide.render.commands import situation
from scaling_guide.render.coverage import diagnoses
from scaling_guide.render.documented import value_of
from scaling_guide.render.procedure import PHASES, Procedure

EVERYTHING = "Any part, or not known which"


def page(site: Context, runbook: Runbook) -> str:
    """The whole runbook as Markdown with a heading for each part, its commands for the example environment.

    Raises LookupError and jinja2.UndefinedError where a command cannot be rendered.
    """
    found = situation(site.guide, site.example, runbook)
    shown = Procedure(found)
    values = value_of(site.guide, site.example.tier)

    def block(template: str, **more: object) -> str:
        return fill(f"runbook/{template}", site=site, runbook=runbook, shown=shown, value_of=values, **more)

    checked = dict.fromkeys([*(fact.id for fact in site.guide.runbook_facts(runbook.id)), *runbook.facts])
    rehearsed = site.known.measured.get(runbook.id)
    outdated = rehearsed is not None and measured.is_outdated(site.guide, rehearsed, runbook)
    strip = block(
        "strip", rehearsed=rehearsed, outdated=outdated, verified=seen(site, checked), contact=shown.contact
    )
    about_a_server = any(
        "app" in (step.system or ()) for phase in runbook.phases.values() for step in phase.steps
    )
    parts = [strip, "## Symptom", block("symptom"), "## Impact", block("impact")]
    parts += ["## Confirm", block("confirm", server=found.server.id, about_a_server=about_a_server)]
    parts += ["## Diagnose", block("diagnose", proven=_proven(site, runbook), way=lambda to: way(site, to))]
    for name, words in PHASES.items():
        phase = runbook.phases[name]
        told = block(
            "phase", phase=phase, name=name, promise=words.promise, all_pass=_all_pass(site, phase.checks)
        )
        parts += [f"## {words.heading}", told]
    parts += ["## Afterwards", block("afterwards")]
    parts += ["## Rehearsed", measured.table(site, runbook)]
    if runbook.facts:
        parts += ["## What this runbook checks", settings(site, runbook.facts.values())]
    return "\n\n".join(parts)


def way(site: Context, to: str) -> tuple[str, str]:
    """The address and the title of where a row leads: a runbook, one of its rows, or a section of a topic."""
    page, _, anchor = to.partition("#")
    if page.startswith("runbooks/"):
        runbook = site.guide.runbooks[page.removeprefix("runbooks/")]
        if anchor in runbook.rows:
            return site.links.to(
                f"{page}.md", f"row-{anchor}"
            ), f"{runbook.title}: {runbook.rows[anchor].when}"
        return site.links.to(f"{page}.md", anchor), runbook.title
    title = next(
        (
            entry.title
            for part in site.guide.sections
            for entry in part.topics
            if f"{part.id}/{entry.id}" == page
        ),
        page,
    )
    return site.links.to(f"{page}.md", anchor), f"{title}: {anchor.replace('-', ' ')}" if anchor else title


def index(site: Context) -> str:
    """All runbooks by what one has in hand: a symptom of a system, an alert here or elsewhere, a message."""
    runbooks = sorted(site.guide.runbooks.values(), key=lambda runbook: runbook.title)
    ours = [(alert, runbook, True) for runbook in runbooks for alert in runbook.alerts]
    others = [(alert, runbook, False) for runbook in runbooks for alert in runbook.also_known_as]
    messages = [
        (message.text, site.guide.runbooks[message.runbook])
        for message in site.guide.messages
        if message.runbook in site.guide.runbooks
    ]
    return fill(
        "runbook/index",
        site=site,
        runbooks=runbooks,
        systems=_by_system(runbooks),
        proven=diagnoses(site.guide),
        alerts=sorted([*ours, *others], key=lambda each: each[0].lower()),
        messages=sorted(messages, key=lambda each: each[0].lower()),
    )


def _by_system(runbooks: list[Runbook]) -> list[tuple[str, list[Runbook]]]:
    """The runbooks by the system that they are first about."""
    known = systems()
    titles = {name: about.title for name, about in known.items()}
    groups: dict[str, list[Runbook]] = {}
    for runbook in runbooks:
        title = titles.get(runbook.systems[0], EVERYTHING) if runbook.systems else EVERYTHING
        groups.setdefault(title, []).append(runbook)
    return sorted(groups.items())


def _all_pass(site: Context, checks: tuple[str, ...]) -> str:
    """Where all checks of a phase passed when last seen, in words; empty where one did not, or changed."""
    days: dict[str, date] = {}
    for check in checks:
        states = site.states(check)
        if not states or any(
            state.changed or set(state.outcomes) - {"pass", "not_applicable"} for state in states
        ):
            return ""
        for state in states:
            if state.seen is None:
                return ""
            day = state.seen.date()
            days[state.environment] = min(day, days.get(state.environment, day))
    return ", ".join(f"passed in {environment}, {day.day} {day:%b %Y}" for environment, day in days.items())


def _proven(site: Context, runbook: Runbook) -> Mapping[str, str]:
    """What the lab has shown of each row, in words; empty where nothing."""
    proven = read(site.guide.directory, runbook.id)
    if proven is None:
        return dict.fromkeys(runbook.rows, "")
    shown = f"rehearsed {proven.date.day} {proven.date:%b %Y}"
    return {row: shown if proven.holds(runbook, row) else "" for row in runbook.rows}
