"""What verification runs and the proof run left behind, read back for the pages."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

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
    """One way of breaking a documented fact in a real server, and what its checks said."""

    id: str
    landed: bool
    red: bool
    only: bool
    restored: bool

    @property
    def killed(self) -> bool:
        """Exactly the right check went red, and green again once the fact was restored."""
        return self.landed and self.red and self.only and self.restored


Proof = Mapping[str, tuple[Mutant, ...]]


def runs(directory: Path) -> tuple[Run, ...]:
    """Every run below `directory`, oldest first. Raises ValueError, naming the file, for one that is none."""
    found = [_read(path, _run) for path in sorted(directory.rglob("results.json"))]
    return tuple(sorted(found, key=lambda run: run.finished))


def proof(path: Path) -> Proof | None:
    """The kill matrix, check id to its mutants; None where no proof was run."""
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
    return {
        check["id"]: tuple(
            Mutant(each["id"], each["landed"], each["red"], each["only"], each["restored"])
            for each in check["mutants"]
        )
        for check in report["checks"]
    }
