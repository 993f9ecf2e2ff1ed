"""Procedures for someone on call, and how the lab rehearses them."""

import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from scaling_guide.model.facts import Fact
from scaling_guide.model.record import TIERS, Id, Record, System, Text, TierName


class Safety(StrEnum):
    """What a step does to the environment."""

    READ_ONLY = "read-only"
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"


class Step(Record):
    """One command of a runbook. `run` is a template rendered for the reader's environment.

    `system` limits the step to targets of one system; `wait` is a read-only command that is repeated until it
    succeeds, at most `wait_at_most`.
    """

    do: Text
    run: Text
    safety: Safety
    system: System | None = None
    wait: Text | None = None
    wait_at_most: Text | None = None
    takes_effect: Text | None = None


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

    `overrides` replaces documented values by others (fact id to value); `lost_at_most` counts requests, None
    where the scenario only shows what happens without the documented configuration.
    """

    title: Text
    overrides: dict[Id, Any] = {}
    skip: tuple[int, ...] = ()
    method: Literal["GET", "POST"] = "GET"
    lost_at_most: int | None = None


class Rehearsal(Record):
    """How the lab practises the runbook: load, the target to act on, and the scenarios to compare."""

    targets: tuple[System, ...]
    requests_per_second: int = Field(gt=0, le=1000)
    seconds: int = Field(gt=0, le=30)
    path: Text = "/work?ms=20"
    parameters: dict[str, str] = {}
    scenarios: dict[Id, Scenario]


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
    parameters: dict[str, Text] = {}
    facts: dict[Id, Fact] = {}
    preconditions: Phase
    mitigate: Phase
    verify: Phase
    roll_back: Phase
    afterwards: tuple[Text, ...]
    rehearsal: Rehearsal | None = None

    _id: str = PrivateAttr(default="")

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
