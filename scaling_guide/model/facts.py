"""A documented fact: what is claimed, for which tier, and how the live environment is asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import Expectation, Operator, Verdict
from scaling_guide.model.record import TIERS, Id, Record, Text, TierName, Version
from scaling_guide.model.sources import Citation
from scaling_guide.model.systems import ProbeName, SystemName
from scaling_guide.model.target import Target
from scaling_guide.model.units import Unit


class EmptyRule(Record):
    """What an empty population means, and why: `pass` where none at all is as good as none that is wrong."""

    outcome: Literal["pass"]
    because: Text


class Fact(Record):
    """One documented fact: printed on a page, rendered into a config, asked of the live environment.

    `setting` names a value of the probe's observation; a `*` segment stands for any one name. `expect` has
    one operator whose value is the same for all tiers, or a mapping with a value for each tier. `{site}`,
    `{apps}` and the other names of `Environment.placeholders` stand for what the environment says. `use` is
    the value that config files take where the expectation leaves room.

    `roles` limits the fact to targets with these roles: a primary's setting is not a replica's.
    `alternatives` are other values that the product knows, wrong here, for settings whose neighbours cannot
    be derived. `mutations` names the ways in which the lab breaks a fact beyond rendering another value;
    `seen_by` names other facts that see another value of this one and go red with it. A count over an empty
    population is `undetermined` unless `when_empty` says what that means.
    """

    label: Text
    systems: Annotated[tuple[SystemName, ...], Field(min_length=1)]
    roles: tuple[Id, ...] = ()
    probe: ProbeName
    setting: Text
    expect: Annotated[dict[Operator, Any], Field(min_length=1, max_length=1)]
    use: Any = None
    unit: Unit = Unit.TEXT
    why: Text
    source: Citation
    since: Version | None = None
    until: Version | None = None
    severity: Literal["critical", "warning"] = "warning"
    alternatives: tuple[Any, ...] = ()
    mutations: tuple[Text, ...] = ()
    name: Text | None = None
    seen_by: tuple[Id, ...] = ()
    when_empty: EmptyRule | None = None

    _id: str = PrivateAttr(default="")
    _topic: str | None = PrivateAttr(default=None)
    _runbook: str | None = PrivateAttr(default=None)

    @property
    def id(self) -> str:
        """The id, unique in the whole guide."""
        return self._id

    @property
    def topic(self) -> str | None:
        """`section/topic` that documents the fact, or None where a runbook does."""
        return self._topic

    @property
    def runbook(self) -> str | None:
        """The runbook that documents the fact, or None where a topic does."""
        return self._runbook

    @property
    def page(self) -> str:
        """The page that documents the fact, as a path below the site, with its anchor."""
        return f"{self._topic or f'runbooks/{self._runbook}'}/#{self._id}"

    @property
    def operator(self) -> Operator:
        """The only operator of `expect`."""
        return next(iter(self.expect))

    @property
    def tiered(self) -> bool:
        """Whether each tier has a value of its own."""
        return is_tiered(self.expect[self.operator])

    def value(self, tier: TierName) -> Any:
        """The documented value for `tier`, as written. Raises KeyError where the tier has none."""
        return for_tier(self.expect[self.operator], tier)

    def used(self, tier: TierName) -> Any:
        """The value that config files take for `tier`, as written. Raises KeyError as `value` does."""
        return self.value(tier) if self.use is None else for_tier(self.use, tier)

    def targets(self, environment: Environment) -> tuple[Target, ...]:
        """What the fact is asked of in `environment`: the targets of the systems and roles it speaks of."""
        return tuple(
            target for target in environment.of(*self.systems) if not self.roles or target.role in self.roles
        )

    def digest(self, tier: TierName) -> str:
        """A fingerprint of what is claimed for `tier`: it changes exactly when a verification is outdated."""
        claim = [self.id, self.systems, self.probe, self.setting, self.operator, self.value(tier), self.unit]
        return sha256(json.dumps([*claim, self.since, self.until]).encode()).hexdigest()[:16]

    def expectation(self, tier: TierName) -> Expectation:
        """The expectation for `tier`, placeholders not yet filled in."""
        return Expectation(self.operator, self.value(tier), self.unit, self.when_empty is not None)

    def claim(self, environment: Environment) -> "Claim":
        """What the fact claims about `environment`, with nothing left to fill in."""
        expectation = self.expectation(environment.tier)
        if isinstance(expectation.value, str):
            filled = environment.placeholders.get(expectation.value)
            if filled is not None:
                expectation = replace(expectation, value=filled)
        return Claim(self.setting.replace("{site}", environment.site), expectation)


def is_tiered(written: Any) -> bool:
    """Whether `written` is a mapping with values for tiers, be it incomplete."""
    return isinstance(written, dict) and set(written) <= set(TIERS)


def for_tier(written: Any, tier: TierName) -> Any:
    """What is written for `tier`, which may be the same for all. Raises KeyError where the tier has none."""
    return written[tier] if is_tiered(written) else written


@dataclass(frozen=True)
class Claim:
    """A setting of an observation and what must be found there."""

    setting: str
    expectation: Expectation

    def judge(self, values: Mapping[str, Any]) -> Verdict:
        """Hold the observation's values against the claim."""
        return self.expectation.judge(values, self.setting)
