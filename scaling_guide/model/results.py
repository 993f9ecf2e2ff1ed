"""`results.json`: what came of each check of an environment, the last time that it was judged."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import Field, computed_field

from scaling_guide.model.outcome import Outcome, exit_code
from scaling_guide.model.record import TierName
from scaling_guide.model.report import Moment, Report

SCHEMA = 1


@dataclass(frozen=True)
class CheckResult:
    """A row of `results.json`. `expected` and `found` are words; `attempts` counts observations."""

    id: str
    topic: str | None
    runbook: str | None
    phase: str | None
    system: str
    target: str
    safety: str
    severity: str
    outcome: Outcome
    setting: str
    label: str
    expected: str
    found: str | None
    message: str
    page: str
    source: dict[str, Any]
    reproduce: str
    digest: str
    observed_at: Moment
    attempts: int
    seconds: float

    @property
    def name(self) -> str:
        """`fact@target`, unique in an environment."""
        return f"{self.id}@{self.target}"

    @property
    def seen(self) -> datetime:
        """When the target was observed."""
        return datetime.fromisoformat(self.observed_at)

    def row(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return asdict(self)


class Run(Report):
    """A run of checks, `whole` where it was about every check of the environment.

    `started` and `finished` are those of the last whole run, where rows were replaced since; each row has its
    own `observed_at`. `before` says that these are preconditions, which no waiver fulfils. `findings` are the
    records that are past their date and concern this environment.
    """

    schema_: int = Field(default=SCHEMA, alias="schema", ge=SCHEMA, le=SCHEMA)
    environment: str
    tier: TierName
    started: Moment
    finished: Moment
    whole: bool = False
    before: bool = False
    findings: tuple[str, ...] = ()
    results: tuple[CheckResult, ...] = Field(alias="checks")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        """The exit code that these results amount to."""
        return exit_code((result.outcome for result in self.results), self.before)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def counts(self) -> dict[str, int]:
        """How many checks came to each outcome; outcomes that did not occur are left out."""
        outcomes = [result.outcome for result in self.results]
        return {str(outcome): outcomes.count(outcome) for outcome in Outcome if outcome in outcomes}

    def document(self) -> dict[str, Any]:
        """The run as plain JSON values, the rows last."""
        values = super().document()
        rows = values.pop("checks")
        return {**values, "checks": rows}

    @property
    def began(self) -> datetime:
        """When the run began."""
        return datetime.fromisoformat(self.started)

    @property
    def ended(self) -> datetime:
        """When the run ended."""
        return datetime.fromisoformat(self.finished)

    def updated(self, part: "Run", documented: Collection[str]) -> "Run":
        """This run with the rows of a later one about some of its checks, in the order of `documented`.

        Rows of checks that are no longer documented go. Of two rows for one check the one observed later
        stays, since observations of long ago can be judged again.
        """
        rows = {result.name: result for result in self.results}
        for result in part.results:
            known = rows.get(result.name)
            if known is None or known.seen <= result.seen:
                rows[result.name] = result
        merged = tuple(rows[name] for name in documented if name in rows)
        return self.model_copy(update={"results": merged, "findings": part.findings})
