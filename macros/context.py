"""What a block is made from: the guide, what runs have seen of it, and the way to other pages."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

from macros.links import Links
from macros.reports import OUTCOMES, State, all_states
from scaling_guide.lab.measure.result import Result
from scaling_guide.model.budgets import Threshold
from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import as_list
from scaling_guide.model.facts import Claim, Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import KillMatrix
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.rehearsals import Measured
from scaling_guide.model.results import Run
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.model.sources import Source
from scaling_guide.model.systems import systems
from scaling_guide.model.units import words
from scaling_guide.render.site import ALERTS, SHOWN

# probes whose settings end in the name of a parameter, and parameters that are known by their form
_OF_FILES = ("_config", "_settings", "_console")
_PARAMETER = re.compile(r"[a-z0-9]+([_.-][a-z0-9]+)+")


@dataclass(frozen=True)
class Known:
    """What pages report: records, the last run by environment, proof (None before a proof run), measurements.

    `measured` is what was lost in rehearsals and experiments, `results` the figures of measurements, both by
    id. `plots` is the directory that keeps what was drawn.
    """

    guide: Guide
    runs: Mapping[str, Run]
    proof: KillMatrix | None
    measured: Mapping[str, Measured]
    results: Mapping[str, Result] = field(default_factory=dict)
    plots: Path = Path("build/plots")

    @cached_property
    def rendered(self) -> frozenset[str]:
        """The facts that templates put into config files."""
        return frozenset(rendered_facts(self.guide.directory))

    @cached_property
    def states(self) -> Mapping[str, tuple[State, ...]]:
        """What was last seen of each fact, by fact id."""
        return all_states(self.runs, self.guide.facts.values())


class LastSeen(NamedTuple):
    """What was last seen of a fact: the worst outcome, and all of them in words."""

    worst: str
    words: str


@dataclass(frozen=True)
class Context:
    """What is known, seen from one page."""

    known: Known
    links: Links

    @property
    def guide(self) -> Guide:
        return self.known.guide

    @property
    def example(self) -> Environment:
        """The environment whose addresses and paths the pages show."""
        return self.guide.environments[SHOWN]

    def claim(self, fact: Fact, tier: TierName) -> Claim:
        """What a fact claims for a tier; what it leaves to the environment is filled in from the example."""
        return fact.claim(self.example.model_copy(update={"tier": tier}))

    def is_from_environment(self, fact: Fact) -> bool:
        """Whether the value is one that each environment has for itself."""
        return bool(self.claim(fact, TIERS[0]).expectation.value != fact.value(TIERS[0]))

    def used(self, fact: Fact, tier: TierName) -> str:
        """The value that config files take, in words."""
        return ", ".join(words(item, fact.unit) for item in as_list(fact.used(tier)))

    def parameter(self, fact: Fact) -> str | None:
        """The product's own name of a setting; None for what is read from a server and set nowhere."""
        last = fact.setting.rpartition(" > ")[2]
        if fact.name is not None:
            return fact.name
        in_files = fact.id in self.known.rendered and (
            fact.probe.endswith(_OF_FILES) or _PARAMETER.fullmatch(last)
        )
        return last if in_files or ("_" in last and " " not in last) else None

    def uses_differ(self, fact: Fact) -> bool:
        """Whether config files take another value on another tier."""
        return len({self.used(fact, tier) for tier in TIERS}) > 1

    def source(self, ref: str | None) -> Source | None:
        """The source of that id; None for a rule of thumb, which has none."""
        return None if ref is None else self.guide.sources[ref]

    def thresholds(self, topic_id: str) -> tuple[Threshold, ...]:
        """The thresholds that belong to a topic."""
        return tuple(each for each in self.guide.thresholds.values() if each.topic == topic_id)

    def states(self, fact_id: str) -> tuple[State, ...]:
        """What was last seen of a fact; empty where nobody has looked."""
        return self.known.states[fact_id]

    def last_seen(self, fact_id: str) -> LastSeen:
        """What was last seen of a fact in all environments."""
        states = self.states(fact_id)
        found = [outcome for outcome in OUTCOMES if any(outcome in state.outcomes for state in states)]
        words = [outcome.replace("_", " ") for outcome in found] or ["not verified yet"]
        changed = any(state.changed for state in states)
        worst = (
            "flaky"
            if (changed or any(state.age for state in states)) and found and found[0] == "pass"
            else found[0]
            if found
            else "unknown"
        )
        ages = [state.age for state in states if state.age]
        stale = ["changed since verified"] if changed else []
        return LastSeen(worst, ", ".join([*words, *stale, *ages]))

    @property
    def alert_rules(self) -> str | None:
        """The address of the rules file for Prometheus; None where this build does not offer it."""
        path = f"downloads/{ALERTS}"
        return self.links.to(path) if self.links.has(path) else None

    def page(self, fact: Fact) -> str:
        """The address at which a fact is documented, with its anchor."""
        return self.links.to(f"{fact.topic or f'runbooks/{fact.runbook}'}.md", fact.id)

    def is_written(self, topic_id: str) -> bool:
        """Whether a topic has both its records and its page."""
        return topic_id in self.guide.topics and self.links.has(f"{topic_id}.md")

    def named(self, fact: Fact) -> Markup:
        """The parameter's own name in code font with the label beside it; else the label alone."""
        name = self.parameter(fact)
        return Markup("<code>{}</code> {}").format(name, fact.label) if name else escape(fact.label)

    def short(self, fact: Fact) -> Markup:
        """The name alone, for prose."""
        name = self.parameter(fact)
        return Markup("<code>{}</code>").format(name) if name else escape(fact.label)

    def full_label(self, fact: Fact) -> Markup:
        """The name with the systems it speaks about, for places where facts of several stand together."""
        return Markup("{}: {}").format(names(fact.systems), self.named(fact))


def names(named: Iterable[str]) -> str:
    """The names of systems, for a reader."""
    return " and ".join(systems()[each].title for each in named)
