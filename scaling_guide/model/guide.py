"""Everything under `data/`, in one record."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from scaling_guide.model.budgets import Budget, Threshold
from scaling_guide.model.cache_keys import CacheKeys, Documented
from scaling_guide.model.environments import Environment
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.facts import Fact
from scaling_guide.model.measurements import Measurement
from scaling_guide.model.messages import Message
from scaling_guide.model.plans import Plans
from scaling_guide.model.problems import Problem
from scaling_guide.model.questions import Question
from scaling_guide.model.record import TierName
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.sources import Source
from scaling_guide.model.topics import Section, Tier, Topic, Unnoticed
from scaling_guide.model.units import Scalar, Unit, meaning


class Guide(BaseModel):
    """Everything under `data/`, loaded once and found consistent.

    `findings` are the records that are past their date. `unavailable` has the environments that cannot be
    used, with the variables that have no value.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)

    directory: Path
    sections: tuple[Section, ...]
    tiers: dict[TierName, Tier]
    sources: dict[str, Source]
    topics: dict[str, Topic]
    runbooks: dict[str, Runbook]
    experiments: dict[str, Experiment] = {}
    measurements: dict[str, Measurement] = {}
    plans: dict[str, Plans] = {}
    budgets: dict[str, Budget]
    thresholds: dict[str, Threshold]
    environments: dict[str, Environment]
    unnoticed: tuple[Unnoticed, ...] = ()
    cache_keys: dict[str, CacheKeys] = {}
    names: dict[str, str] = {}
    findings: tuple[Problem, ...] = ()
    unavailable: dict[str, tuple[Problem, ...]] = {}
    questions: dict[str, tuple[Question, ...]] = {}
    messages: tuple[Message, ...] = ()

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        """All facts of topics and runbooks by id."""
        owners: tuple[Topic | Runbook, ...] = (*self.topics.values(), *self.runbooks.values())
        return {fact.id: fact for owner in owners for fact in owner.facts.values()}

    def findings_for(self, environment: Environment | None) -> tuple[Problem, ...]:
        """The findings that concern `environment`, or no environment: none of them is about another one."""
        others = {each.at.path for each in self.environments.values() if each is not environment}
        return tuple(finding for finding in self.findings if finding.at.path not in others)

    def values(self, tier: TierName) -> Mapping[str, Any]:
        """What templates see: fact id to the value that config files take for `tier`."""
        if tier not in self._used:
            self._used[tier] = MappingProxyType({fact.id: fact.used(tier) for fact in self.facts.values()})
        return self._used[tier]

    @cached_property
    def _used(self) -> dict[TierName, Mapping[str, Any]]:
        return {}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, but what was computed from the records is computed anew for the copy."""
        copied = super().model_copy(update=update, deep=deep)
        for name, member in vars(Guide).items():
            if isinstance(member, cached_property):
                vars(copied).pop(name, None)
        return copied

    def written(self, value: Documented | Scalar, tier: TierName) -> Scalar:
        """A value as it is written: here, or under the fact that it names. None for an unknown fact."""
        if not isinstance(value, Documented):
            return value
        found: Scalar = self.facts[value.fact].used(tier) if value.fact in self.facts else None
        return found

    def lifetimes(self, tier: TierName) -> Mapping[str, float]:
        """How keys of a cache begin, to the longest that one of them may live, in milliseconds.

        Classes that cannot be computed are left out; a rule tells of them.
        """
        found: dict[str, float] = {}
        for keys in self.cache_keys.values():
            with suppress(ValueError, KeyError):
                if keys.kind != "session":
                    jitter = self.written(keys.jitter, tier)
                    spread = 1 + (meaning(jitter, Unit.RATIO) if jitter is not None else 0)
                    found[keys.begins] = meaning(self.written(keys.ttl, tier), Unit.DURATION) * spread
        return found

    def messages_of(self, topic_id: str) -> tuple[Message, ...]:
        """The messages that are explained on the page of a topic."""
        return tuple(message for message in self.messages if message.topic == topic_id)

    def title(self, topic_id: str) -> str:
        """The title of `section/topic` from the table of contents. Raises KeyError for an unknown id."""
        section_id, _, name = topic_id.partition("/")
        for section in self.sections:
            if section.id == section_id:
                for entry in section.topics:
                    if entry.id == name:
                        return entry.title
        raise KeyError(topic_id)

    def runbook_facts(self, runbook_id: str, *phases: str) -> tuple[Fact, ...]:
        """The facts that the named phases of a runbook check (all phases where none is named), each once."""
        runbook = self.runbooks[runbook_id]
        wanted = phases or tuple(runbook.phases)
        ids = dict.fromkeys(check for name in wanted for check in runbook.phases[name].checks)
        return tuple(self.facts[check] for check in ids)
