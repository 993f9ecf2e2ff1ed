"""How a scenario went, held against what it promises."""

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_guide.model.rehearsals import Act, Seen
from scaling_guide.model.runbooks import Scenario

STARVED_SHARE = 0.9
GREEN_ALL_THE_SAME = "is green, and should be red here"


@dataclass(frozen=True)
class Course:
    """How a scenario went.

    `unmet` has, for each phase, what did not hold: checks, and commands that failed. `differences` is what
    the roll-back did not bring back, None where there was none. `pressure` is the share of the time under
    load in which processes waited for a processor.
    """

    seen: Mapping[str, Seen]
    acts: tuple[Act, ...]
    unmet: Mapping[str, tuple[str, ...]]
    differences: tuple[str, ...] | None
    outlasted: bool
    versions: Mapping[str, str]
    pressure: float = 0.0

    @property
    def is_starved(self) -> bool:
        """Whether the servers had so little of this machine that what was lost says nothing about them."""
        return self.pressure > STARVED_SHARE


def is_bounded(scenario: Scenario) -> bool:
    """Whether a scenario promises something, or only shows what happens without what is documented."""
    return scenario.lost_at_most is not None or scenario.lost_after_at_most is not None


def problems(scenario: Scenario, course: Course, systems: Mapping[str, str]) -> tuple[str, ...]:
    """In what a course fell short of what its scenario promises. `systems` by target."""
    found = [f"{phase}: {each}" for phase, unmet in course.unmet.items() for each in unmet]
    if not is_bounded(scenario):
        return tuple(each for each in found if each.endswith(GREEN_ALL_THE_SAME))
    for target, seen in course.seen.items():
        allowed = {
            "in all": (seen.lost_in_all, scenario.loss_allowed(systems[target])),
            "after the mitigation": (seen.lost_after, scenario.lost_after_at_most),
        }
        for when, (lost, most) in allowed.items():
            if most is not None and lost > most:
                found.append(f"{target} lost {lost:,} of {seen.sent:,} {when}, at most {most:,} may be")
        if seen.executed_twice:
            found.append(f"{target}: {seen.executed_twice:,} orders were executed twice")
    found += [f"not rolled back: {each}" for each in course.differences or ()]
    if course.outlasted:
        found.append("the load was over before the commands were")
    return tuple(found)
