"""`kill-matrix.json`: for every check, the mutants that should turn it red, and what they did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field, computed_field
from pydantic.dataclasses import dataclass as published

from scaling_guide.model.guide import Guide
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.report import Moment, Report
from scaling_guide.model.topics import Unnoticed

SCHEMA = 2


@dataclass(frozen=True)
class Mutant:
    """One way of breaking a documented fact in a real server, and what the fact's check said to it.

    `change` is what was broken, `found` the check's message, `reason` why the breakage did not come about.
    `only` holds when exactly the expected checks went red, `restored` when they were green again afterwards.
    `together` counts the configurations that it shared with others.
    """

    id: str
    landed: bool
    red: bool
    only: bool
    restored: bool
    seconds: float = 0.0
    together: int = 0
    change: str = ""
    found: str = ""
    reason: str = ""

    @property
    def killed(self) -> bool:
        """Exactly the right check went red, and green again once the fact was restored."""
        return self.landed and self.red and self.only and self.restored

    @property
    def verdict(self) -> str:
        """`killed`, or what was missing to it."""
        if not self.landed:
            return f"did not land: {self.reason}"
        if not self.red:
            return "no check went red"
        if not self.only:
            return "not exactly its checks went red"
        return "killed" if self.restored else "still red after it was mended"


@dataclass(frozen=True)
class Deletion:
    """A line that was left out, the checks that noticed, and whether the server refused to run without it.

    `same_by_default` says that the product does without it what its facts document.
    """

    target: str
    system: str
    file: str
    line: int
    text: str
    refused: bool
    noticed_by: tuple[str, ...]
    same_by_default: bool = False

    @property
    def unnoticed(self) -> bool:
        return not (self.refused or self.noticed_by or self.same_by_default)

    def arguments(self, guide: Guide) -> tuple[Unnoticed, ...]:
        """What `data/unnoticed.yml` says for leaving the line unchecked."""
        return tuple(
            argument
            for argument in guide.unnoticed
            if argument.system == self.system and self.text.startswith(argument.line)
        )


@published(frozen=True)
class Fault:
    """A fault of the environment itself, and the outcomes of the checks that it hit."""

    id: str
    target: str
    probes: tuple[str, ...]
    outcomes: dict[str, int]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def honest(self) -> bool:
        """Whether no check that the fault hit claimed to know anything."""
        return bool(self.outcomes) and not self.outcomes.keys() & {Outcome.PASS, Outcome.FAIL}


@dataclass(frozen=True)
class Proven:
    """A check, `fact@target`, with the mutants that were to turn it red."""

    id: str
    mutants: tuple[Mutant, ...]

    @property
    def fact(self) -> str:
        """The id of the fact that is checked."""
        return self.id.partition("@")[0]

    @property
    def proven(self) -> bool:
        """Whether a mutant turned it red, and nothing else."""
        return any(mutant.killed for mutant in self.mutants)


@dataclass(frozen=True)
class Totals:
    """How many checks there were and are proven, how many mutants and how many of them were killed."""

    checks: int
    proven: int
    mutants: int
    killed: int


class KillMatrix(Report):
    """A proof run. `each` says that every mutant and every line stood alone.

    `part` names the targets where not all were broken; `unsteady` are the checks that differed between two
    observations of the same.
    """

    # the first form of the report knew of no other way than `each`
    schema_: int = Field(default=SCHEMA, alias="schema", ge=1, le=SCHEMA)
    started: Moment
    finished: Moment
    seconds: float
    each: bool = True
    part: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    checks: tuple[Proven, ...]
    deletions: tuple[Deletion, ...]
    faults: tuple[Fault, ...]
    totals: Totals

    @property
    def ended(self) -> datetime:
        """When the proof ended."""
        return datetime.fromisoformat(self.finished)

    @property
    def mutants(self) -> Mapping[str, tuple[Mutant, ...]]:
        """The mutants of each check, by its name."""
        return {check.id: check.mutants for check in self.checks}

    def of(self, fact_id: str) -> Mapping[str, tuple[Mutant, ...]]:
        """The mutants of each check of a fact."""
        return {check.id: check.mutants for check in self.checks if check.fact == fact_id}

    def proves(self, fact_id: str) -> bool:
        """Whether each check of the fact, on every target, was turned red by a mutant of its own."""
        checks = [check for check in self.checks if check.fact == fact_id]
        return bool(checks) and all(check.proven for check in checks)
