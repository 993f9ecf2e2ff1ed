"""What verification runs and the proof run left behind, read back for the pages."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from scaling_guide.lab.proof.matrix import Deletion
from scaling_guide.model.facts import Fact
from scaling_guide.model.record import TierName
from scaling_guide.verify.outcome import Outcome

# worst first: what a reader must hear of a setting that several targets have
OUTCOMES = (
    Outcome.FAIL,
    Outcome.ERROR,
    Outcome.UNREACHABLE,
    Outcome.TIMEOUT,
    Outcome.FLAKY,
    Outcome.UNDETERMINED,
    Outcome.UNSUPPORTED,
    Outcome.WAIVED,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
)


@dataclass(frozen=True)
class Check:
    """One expectation held against one target. `digest` names the record as it was when it was judged."""

    id: str
    environment: str
    target: str
    outcome: Outcome
    setting: str
    expected: str
    found: str | None
    message: str
    reproduce: str
    seen: datetime | None
    topic: str | None
    runbook: str | None
    system: str
    digest: str


@dataclass(frozen=True)
class Run:
    """One run of `guide verify` against an environment."""

    environment: str
    tier: TierName
    finished: datetime
    exit_code: int
    counts: Mapping[str, int]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class State:
    """What was last seen of one fact in one environment, over all its targets."""

    environment: str
    outcomes: Mapping[Outcome, int]
    seen: datetime | None
    changed: bool

    @property
    def targets(self) -> int:
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class Mutant:
    """One way of breaking a documented fact in a real server, and what the fact's check said to it.

    `change` is what was broken, `found` the check's message, `reason` why the breakage did not come about.
    """

    id: str
    landed: bool
    red: bool
    only: bool
    restored: bool
    change: str
    found: str
    reason: str
    together: int

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
class Fault:
    """A fault of the environment; honest where no check that it hit claimed to know anything."""

    id: str
    target: str
    outcomes: Mapping[str, int]
    honest: bool


@dataclass(frozen=True)
class Proof:
    """The proof run. `mutants` has those of each check, by the name `fact@target`.

    `each` says that every mutant and every line stood alone; `unsteady` are the checks that changed their
    mind between two looks at the same.
    """

    finished: datetime
    mutants: Mapping[str, tuple[Mutant, ...]]
    deletions: tuple[Deletion, ...]
    faults: tuple[Fault, ...]
    total: int
    killed: int
    each: bool
    unsteady: tuple[str, ...]

    def of(self, fact_id: str) -> Mapping[str, tuple[Mutant, ...]]:
        """The mutants of each check of a fact."""
        return {name: each for name, each in self.mutants.items() if name.partition("@")[0] == fact_id}

    def proves(self, fact_id: str) -> bool:
        """Whether each check of the fact, on every target, was turned red by a mutant of its own."""
        checks = self.of(fact_id).values()
        return bool(checks) and all(any(mutant.killed for mutant in mutants) for mutants in checks)


def runs(directory: Path) -> tuple[Run, ...]:
    """Every run below `directory`, oldest first. Raises ValueError, naming the file, for one that is none."""
    found = [_read(path, _run) for path in sorted(directory.rglob("results.json"))]
    return tuple(sorted(found, key=lambda run: run.finished))


def proof(path: Path) -> Proof | None:
    """The proof run, None where there was none. Raises ValueError, naming the file, for one that is none."""
    return _read(path, _proof) if path.is_file() else None


def latest(all_runs: Iterable[Run]) -> dict[str, Run]:
    """The last run of each environment."""
    return {run.environment: run for run in all_runs}


def states(all_runs: Iterable[Run], fact: Fact) -> tuple[State, ...]:
    """What was last seen of `fact` in each environment.

    A run of some checks only does not hide what an earlier one saw of the others. `changed` is set where the
    record no longer claims what was judged.
    """
    last: dict[str, State] = {}
    for run in all_runs:
        checks = [check for check in run.checks if check.id == fact.id]
        if checks:
            last[run.environment] = _state(run.environment, checks, fact.digest(run.tier))
    return tuple(last[environment] for environment in sorted(last))


def _state(environment: str, checks: list[Check], digest: str) -> State:
    seen = max((check.seen for check in checks if check.seen), default=None)
    changed = any(check.digest != digest for check in checks)
    return State(environment, Counter(check.outcome for check in checks), seen, changed)


def _read(path: Path, build: Any) -> Any:
    try:
        return build(json.loads(path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a report of this guide: {error!r}") from error


def _run(report: Mapping[str, Any]) -> Run:
    return Run(
        environment=report["environment"],
        tier=report["tier"],
        finished=datetime.fromisoformat(report["finished"]),
        exit_code=report["exit_code"],
        counts=report["counts"],
        checks=tuple(_check(check, report["environment"]) for check in report["checks"]),
    )


def _check(check: Mapping[str, Any], environment: str) -> Check:
    seen = check["observed_at"]
    return Check(
        id=check["id"],
        environment=environment,
        target=check["target"],
        outcome=Outcome(check["outcome"]),
        setting=check["setting"],
        expected=check["expected"],
        found=check["found"],
        message=check["message"],
        reproduce=check["reproduce"],
        seen=datetime.fromisoformat(seen) if seen else None,
        topic=check["topic"],
        runbook=check["runbook"],
        system=check["system"],
        digest=check["digest"],
    )


def _proof(report: Mapping[str, Any]) -> Proof:
    return Proof(
        finished=datetime.fromisoformat(report["finished"]),
        mutants={
            check["id"]: tuple(Mutant(**_known({"together": 0, **each}, Mutant)) for each in check["mutants"])
            for check in report["checks"]
        },
        deletions=tuple(
            Deletion(**{**_known(each, Deletion), "noticed_by": tuple(each["noticed_by"])})
            for each in report["deletions"]
        ),
        faults=tuple(Fault(**_known(each, Fault)) for each in report["faults"]),
        total=report["totals"]["mutants"],
        killed=report["totals"]["killed"],
        # the first form of the report knew of nothing else
        each=report.get("each", True),
        unsteady=tuple(report.get("unsteady", ())),
    )


def _known(row: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The part of a row that pages show."""
    return {field.name: row[field.name] for field in fields(kind)}
