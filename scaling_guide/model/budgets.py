"""Arithmetic that must hold across systems, and the thresholds at which to act."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scaling_guide.model.record import Duration, Id, Record, Text, TierName
from scaling_guide.model.sources import Citation
from scaling_guide.model.units import Scalar, Unit


class Term(Record):
    """One operand of a budget: a documented fact, a figure of the tier, or one with its own source, of all
    tiers or each."""

    fact: Id | None = None
    tier: Literal["replicas"] | None = None
    value: Scalar | dict[TierName, Scalar] = None
    unit: Unit = Unit.COUNT
    source: Citation | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "Term":
        if [self.fact, self.tier, self.value].count(None) != 2:
            raise ValueError("give one of `fact`, `tier` and `value`")
        return self


class Budget(Record):
    """Arithmetic that must hold across systems, on every tier: `holds` is a comparison over the terms.

    Durations enter as milliseconds, sizes as bytes.
    """

    title: Text
    why: Text
    code: Annotated[str, Field(pattern=r"^[A-Z][A-Z_]+$")]
    terms: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], Term]
    holds: Text
    source: Citation


class Threshold(Record):
    """When to act: the row of a table and the alert rule, in one."""

    title: Text
    alert: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")]
    expr: Text
    hold: Duration = Field(alias="for")
    severity: Literal["critical", "warning"]
    topic: Text
    runbook: Id
    why: Text
    source: Citation
