"""Which checks a run is about. What is not selected is not contacted."""

from dataclasses import dataclass

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.names import instead
from scaling_guide.verify.check import Check, checks_of


@dataclass(frozen=True)
class Selection:
    """What was asked for; empty fields select everything. `before` keeps a runbook's preconditions only."""

    checks: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    runbooks: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    before: bool = False

    def unknown(self, guide: Guide, environment: Environment) -> tuple[str, ...]:
        """What was asked for and does not exist, each as a sentence."""
        known = {
            "check": (self.checks, set(guide.facts)),
            "topic": (self.topics, set(guide.topics)),
            "runbook": (self.runbooks, set(guide.runbooks)),
            "system": (self.systems, {str(target.system) for target in environment.targets.values()}),
            "target": (self.targets, set(environment.targets)),
        }
        return tuple(
            f"there is no {kind} {name}; {instead(name, there)}"
            for kind, (asked, there) in known.items()
            for name in sorted(asked - there)
        )

    def __contains__(self, check: Check) -> bool:
        fact = check.fact
        return all(
            not asked or bool(asked & has)
            for asked, has in (
                (self.checks, {fact.id}),
                (self.topics, {fact.topic}),
                (self.runbooks, {check.runbook}),
                (self.systems, {str(check.target.system)}),
                (self.targets, {check.target.id}),
            )
        ) and (not self.before or check.phase == "preconditions")


def topic_checks(guide: Guide, environment: Environment, topic: str) -> tuple[Check, ...]:
    """The checks of a topic's facts."""
    return tuple(
        check for fact in guide.topics[topic].facts.values() for check in checks_of(environment, fact)
    )


def runbook_checks(
    guide: Guide, environment: Environment, runbook: str, phase: str | None = None
) -> tuple[Check, ...]:
    """The checks that one phase of a runbook relies on; without `phase`, those of each in turn."""
    return tuple(
        check
        for each in (guide.runbooks[runbook].phases if phase is None else (phase,))
        for fact in guide.runbook_facts(runbook, each)
        for check in checks_of(environment, fact, runbook, each)
    )


def every_check(guide: Guide, environment: Environment) -> tuple[Check, ...]:
    """All checks of the guide in `environment`, runbook phases included."""
    topics = (check for topic in guide.topics for check in topic_checks(guide, environment, topic))
    runbooks = (check for name in guide.runbooks for check in runbook_checks(guide, environment, name))
    return (*topics, *runbooks)


def select(guide: Guide, environment: Environment, selection: Selection) -> tuple[Check, ...]:
    """The selected checks, each fact once a target, unless runbooks were asked for by name."""
    chosen: dict[str, Check] = {}
    for check in every_check(guide, environment):
        if check in selection:
            chosen.setdefault(check.name, check)
    return tuple(chosen.values())
