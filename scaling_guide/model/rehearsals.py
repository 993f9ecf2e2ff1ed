"""What the lab has measured, as it is kept in `data/measured/`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scaling_guide.model.runbooks import Rehearsal

SCHEMA = 1
REHEARSALS = "measured/rehearsals"
LATE_SHARE = 0.05
PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Seen:
    """What became of the load that went through one load balancer.

    `lost` counts by kind (see `client`), `lost_after` those from the end of the mitigation on; `window` is
    when the first and the last of them were due, in seconds from the start of the load, None without loss.
    `latencies` in milliseconds from when a request was due. `late` requests left more than 20 ms after that:
    with many of them the client was the bottleneck. Orders are counted from what the application executed.
    """

    sent: int
    ok: int
    lost: Mapping[str, int]
    lost_after: int
    window: tuple[float, float] | None
    latencies: Mapping[str, float]
    late: int
    executed_twice: int = 0
    lost_but_executed: int = 0

    @property
    def lost_in_all(self) -> int:
        return sum(self.lost.values())

    @property
    def is_hurried(self) -> bool:
        """Whether so many requests left late that what was lost says nothing about the server."""
        return self.late > LATE_SHARE * self.sent

    @property
    def words(self) -> str:
        """`0 of 2,700 lost`, or with the kinds and the time in which that happened."""
        text = f"{self.lost_in_all:,} of {self.sent:,} lost"
        if self.window:
            kinds = ", ".join(f"{kind} {number:,}" for kind, number in self.lost.items())
            text += f" ({kinds}) within {self.window[1] - self.window[0]:.2f} s"
        if self.executed_twice:
            text += f", {self.executed_twice:,} executed twice"
        return text

    @property
    def latency_words(self) -> str:
        """`p50 21, p95 30, p99 48 ms` of what was answered well; `none answered` where nothing was."""
        shown = [f"{name} {self.latencies[name]:,.0f}" for name in PERCENTILES if name in self.latencies]
        return f"{', '.join(shown)} ms" if shown else "none answered"


@dataclass(frozen=True)
class Act:
    """A step that was run, its wait included. `exit_code` is None where its time was over."""

    phase: str
    target: str | None
    do: str
    exit_code: int | None
    seconds: float


@dataclass(frozen=True)
class Played:
    """One scenario as it went.

    `unmet` has, for each phase, the checks that did not hold; `differences` what the roll-back did not bring
    back, None where there was none. `problems` says what is not as documented; it is empty for a scenario
    that only shows what happens without what is documented.
    """

    title: str
    method: str
    digest: str
    bounded: bool
    seen: Mapping[str, Seen]
    acts: tuple[Act, ...]
    unmet: Mapping[str, tuple[str, ...]]
    differences: tuple[str, ...] | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """All scenarios of a runbook or an experiment, and what they were run with."""

    id: str
    digest: str
    date: date
    tier: str
    cores: int
    versions: Mapping[str, str]
    requests_per_second: int
    scenarios: Mapping[str, Played]
    schema: int = SCHEMA

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(
            f"{name}: {problem}" for name, played in self.scenarios.items() for problem in played.problems
        )

    def changed(self, digest: str, rehearsal: Rehearsal | None) -> bool:
        """Whether the commands or a scenario are no longer those that were rehearsed."""
        if rehearsal is None or digest != self.digest:
            return True
        now = {name: scenario_digest(rehearsal, name) for name in rehearsal.scenarios}
        return now != {name: played.digest for name, played in self.scenarios.items()}


def scenario_digest(rehearsal: Rehearsal, name: str) -> str:
    """A fingerprint of what a scenario does: it changes exactly when its measurement is outdated.

    Its words and its bounds may change; whether a bound holds is seen without running anything.
    """
    words = {"title": True, "lost_at_most": True, "lost_after_at_most": True}
    scenario = rehearsal.scenarios[name].model_dump(mode="json", exclude=words)
    told = {"effect", "red", "each_server"}
    load = rehearsal.model_dump(mode="json", exclude={"scenarios": True, "before": {"__all__": told}})
    return sha256(json.dumps([scenario, load]).encode()).hexdigest()[:16]


def write(data: Path, measured: Measured) -> Path:
    """Keep it under the data directory. Returns the file."""
    path = data / REHEARSALS / f"{measured.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(measured), indent=1, default=_plain) + "\n")
    return path


def read(data: Path) -> dict[str, Measured]:
    """Everything that was kept, by the id of the runbook or experiment.

    Raises ValueError, with the name of the file, for one that is none of ours.
    """
    return {path.stem: _read(path) for path in sorted((data / REHEARSALS).glob("*.json"))}


def _read(path: Path) -> Measured:
    try:
        return TypeAdapter(Measured).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} is no measurement of this guide: {error}") from error


def _plain(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{value!r} has no place in JSON")
