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
from scaling_guide.model.units import Scalar, Unit
from scaling_guide.model.versions import version

# values of an environment that names the processes of the application
_OF_APPS = ("{apps}", "{app count}", "{app version}")


class EmptyRule(Record):
    """What an empty population means, and why: `pass` where none at all is as good as none that is wrong."""

    outcome: Literal["pass"]
    because: Text


class Default(Record):
    """What the product does if the setting is left out, in the versions from `since` to before `until`."""

    value: Scalar | tuple[Scalar, ...]
    since: Version | None = None
    until: Version | None = None


class Fact(Record):
    """One documented fact: printed on a page, rendered into a config, asked of the live environment.

    `setting` names a value of the probe's observation; a `*` segment stands for any one name. `expect` has
    one operator whose value is the same for all tiers, or a mapping with a value for each tier. `{site}`,
    `{apps}` and the other names of `Environment.placeholders` stand for what the environment says. `use` is
    the value that config files take where the expectation leaves room.

    `needs` are capabilities of the application without which the fact cannot be asked. `default` is what the
    product does where the setting is left out, and then what is judged.

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
    needs: tuple[Id, ...] = ()
    default: Default | None = None

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
        if not set(self.needs) <= environment.capabilities.keys():
            return ()
        if self.expect[self.operator] in _OF_APPS and not environment.apps:
            return ()
        return tuple(
            target for target in environment.of(*self.systems) if not self.roles or target.role in self.roles
        )

    def default_for(self, running: str) -> Any:
        """What version `running` of the product does without the setting; None if that is not known."""
        default = self.default
        if default is None or (default.until and version(running) >= version(default.until)):
            return None
        return None if default.since and version(running) < version(default.since) else default.value

    def is_default(self, tier: TierName, running: str) -> bool:
        """Whether what the product does in version `running` without the setting meets the expectation."""
        default = self.default_for(running)
        return default is not None and self.expectation(tier).judge({"default": default}, "default").met

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
        return Claim(environment.fill(self.setting), expectation)


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

    def judge(self, values: Mapping[str, Any], default: Any = None) -> Verdict:
        """Hold the observation's values against the claim; `default` replaces a setting that is left out."""
        verdict = self.expectation.judge(values, self.setting)
        left_out = () if default is None else self.expectation.left_out(values, self.setting)
        if not left_out:
            return verdict
        filled = self.expectation.judge({**values, **dict.fromkeys(left_out, default)}, self.setting)
        return replace(filled, by_default=True)
