"""What the lab measured under load, for runbooks and for experiments."""

from macros import measurements
from macros.context import Context
from macros.escape import fill, inline
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.guide import Guide
from scaling_guide.model.rehearsals import Measured
from scaling_guide.model.runbooks import Runbook, Scenario
from scaling_guide.model.topics import Topic
from scaling_guide.render.commands import digest
from scaling_guide.render.coverage import LAB

UNKNOWN = "unknown"


def table(site: Context, procedure: Runbook | Experiment) -> str:
    """Each scenario, how many requests it lost, and what was not as documented."""
    measured = site.known.measured.get(procedure.id)
    if measured is None:
        return "Not measured yet: nobody has counted what this costs."
    scenarios = procedure.rehearsal.scenarios if procedure.rehearsal else {}
    bounds = {
        (name, target): _bounds(scenarios.get(name), site.guide.environments[LAB].targets[target].system)
        for name, played in measured.scenarios.items()
        for target in played.seen
    }
    return fill(
        "measured", measured=measured, bounds=bounds, changed=is_outdated(site.guide, measured, procedure)
    )


def experiments(site: Context, topic: Topic) -> str:
    """The experiments and measurements of a topic: the question, what was learned, and the figures."""
    blocks = measurements.blocks(site, topic)
    for experiment in site.guide.experiments.values():
        if experiment.topic == topic.id:
            blocks += [f"### {inline(experiment.title)}", fill("experiment", experiment=experiment)]
            blocks.append(table(site, experiment))
    return "\n\n".join(blocks) or "Nothing was measured for this topic yet."


def lost(site: Context, measured_id: str, scenario: str, target: str) -> str:
    """How many requests a scenario lost through a load balancer, or that it is unknown.

    Raises LookupError for a scenario or a target that the measurement does not have.
    """
    measured = site.known.measured.get(measured_id)
    if measured is None:
        return UNKNOWN
    played = measured.scenarios.get(scenario)
    if played is None or target not in played.seen:
        raise LookupError(f"{measured_id} was not measured for scenario `{scenario}` through `{target}`")
    return f"{played.seen[target].lost_in_all:,}"


def is_outdated(guide: Guide, measured: Measured, procedure: Runbook | Experiment) -> bool:
    """Whether the procedure is no longer what was measured."""
    return measured.changed(digest(guide, procedure), procedure.rehearsal)


def _bounds(scenario: Scenario | None, system: str) -> str:
    """What the documented scenario allows to be lost, in words."""
    if scenario is None:
        return "no longer part of this"
    bounds = {"": scenario.loss_allowed(system), " once mitigated": scenario.lost_after_at_most}
    words = [f"at most {bound} lost{when}" for when, bound in bounds.items() if bound is not None]
    return ", ".join(words) or "shown for comparison"
