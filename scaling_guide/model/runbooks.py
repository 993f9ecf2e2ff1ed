"""Procedures for someone on call, and how the lab rehearses them."""

import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from scaling_guide.model.facts import Fact
from scaling_guide.model.record import TIERS, Duration, Id, Record, System, Text, TierName


class Safety(StrEnum):
    """What a step does to the environment."""

    READ_ONLY = "read-only"
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"


class Parameter(Record):
    """What a reader must decide before the first step. `example` is a template, like the commands."""

    means: Text
    example: Text


class Step(Record):
    """One command of a runbook. `run` is a template rendered for the reader's environment.

    `system` says where: on every load balancer of that system, or, for `app`, at the one server that the
    runbook is about; without it the command runs once, from where the guide is. `wait` is a read-only command
    that is repeated until it succeeds, at most `wait_at_most`. `id` is for scenarios that leave the step out.
    """

    id: Id | None = None
    do: Text
    run: Text
    safety: Safety
    system: System | None = None
    wait: Text | None = None
    wait_at_most: Duration | None = None
    takes_effect: Text | None = None

    @model_validator(mode="after")
    def _wait_is_bounded(self) -> "Step":
        if (self.wait is None) != (self.wait_at_most is None):
            raise ValueError("give `wait` and `wait_at_most` together")
        return self


class Confirm(Record):
    """A read-only look that confirms or refutes the symptom."""

    look: Text
    run: Text
    system: System | None = None
    normal: Text
    abnormal: Text
    empty: Text


class Finding(Record):
    """A row of the decision table: what was seen, what it means, what to do."""

    when: Text
    means: Text
    do: Text
    alert_is_wrong: bool = False


class Phase(Record):
    """Steps, and the facts that tell whether they did what they promise."""

    steps: tuple[Step, ...] = ()
    checks: tuple[Id, ...] = ()


class Scenario(Record):
    """One rehearsal under load: the documented configuration, or its opposite.

    `overrides` replaces documented values by others (fact id to value) in every config file before the
    servers start; `given` names the mutations that make the situation; `skip` names the steps that are left
    out; `roll_back` goes back after the mitigation instead of verifying it.

    Lost requests are counted over the whole run (`lost_at_most`) and from the end of the mitigation on
    (`lost_after_at_most`). None where the scenario only shows what happens without what is documented.
    """

    title: Text
    targets: tuple[System, ...] = ()
    given: tuple[Text, ...] = ()
    overrides: dict[Id, Any] = {}
    skip: tuple[Id, ...] = ()
    roll_back: bool = False
    method: Literal["GET", "POST"] = "GET"
    lost_at_most: int | None = Field(default=None, ge=0)
    lost_after_at_most: int | None = Field(default=None, ge=0)


class Rehearsal(Record):
    """How the lab practises the runbook: the load, the load balancers it goes through, and what to compare.

    Each scenario is run once for each of `targets`, or of its own. `before` are commands (templates, with
    `system` as in a step) that bring about what the runbook starts from, such as a new file to be loaded.
    """

    targets: Annotated[tuple[System, ...], Field(min_length=1)]
    requests_per_second: int = Field(gt=0, le=1000)
    seconds: int = Field(gt=0, le=30)
    path: Text = "/work?ms=20"
    parameters: dict[str, Text] = {}
    before: tuple[Step, ...] = ()
    scenarios: Annotated[dict[Id, Scenario], Field(min_length=2)]


class Impact(Record):
    """What users feel now, and what they will feel when it is complete."""

    now: Text
    at_full: Text


class Runbook(Record):
    """A procedure for someone on call, with the checks that tell go from no-go."""

    title: Text
    owner: Text
    status: Literal["draft", "tested", "stable"]
    reviewed: date
    severity: Literal["critical", "warning", "planned"]
    alerts: tuple[Text, ...] = ()
    tiers: tuple[TierName, ...] = TIERS
    time_to_effect: Text
    symptom: Text
    impact: Impact
    confirm: Annotated[tuple[Confirm, ...], Field(min_length=1, max_length=3)]
    diagnose: Annotated[tuple[Finding, ...], Field(min_length=2)]
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], Parameter] = {}
    facts: dict[Id, Fact] = {}
    preconditions: Phase
    mitigate: Phase
    verify: Phase
    roll_back: Phase
    afterwards: tuple[Text, ...]
    rehearsal: Rehearsal | None = None

    _id: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _names_are_known(self) -> "Runbook":
        if self.rehearsal is None:
            return self
        steps = {step.id for phase in self.phases.values() for step in phase.steps}
        for name, scenario in self.rehearsal.scenarios.items():
            if unknown := sorted(set(scenario.skip) - steps):
                raise ValueError(f"scenario {name} skips {unknown[0]}, which is the `id` of no step")
        if unknown := sorted(set(self.rehearsal.parameters) - set(self.parameters)):
            raise ValueError(f"the rehearsal sets {unknown[0]}, which is no parameter")
        return self

    @property
    def id(self) -> str:
        """The runbook's name, the path of its data, page and checks below `runbooks/`."""
        return self._id

    @property
    def digest(self) -> str:
        """A fingerprint of the commands: it changes exactly when a rehearsal is outdated."""
        commands = [[step.model_dump(mode="json") for step in phase.steps] for phase in self.phases.values()]
        return sha256(json.dumps(commands).encode()).hexdigest()[:16]

    @property
    def phases(self) -> Mapping[str, Phase]:
        """The phases that hold steps or checks, in the order they are worked through."""
        return {
            "preconditions": self.preconditions,
            "mitigate": self.mitigate,
            "verify": self.verify,
            "roll_back": self.roll_back,
        }
