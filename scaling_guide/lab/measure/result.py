"""What was measured, as it is kept in `data/measured/measurements/` under the id of its record."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median

from pydantic import TypeAdapter, ValidationError

from scaling_guide.model.measurements import Measurement, Medians

SCHEMA = 1
MEASUREMENTS = "measured/measurements"
DIGITS = 4


@dataclass(frozen=True)
class Spread:
    """All that was measured of one metric of one variant, in the order in which it was."""

    samples: tuple[float, ...]

    @property
    def lowest(self) -> float:
        return min(self.samples)

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def highest(self) -> float:
        return max(self.samples)


@dataclass(frozen=True)
class Result:
    """The figures of one measurement, and what they were got with.

    `ran` has, for each variant, the command lines of one counted run; names of servers stand for the
    addresses of the lab. `prepared` are those that came before all runs, `scripts` the files that commands
    read. `spreads` is by metric and variant. `load` is how many tasks the machine was busy with before,
    `seconds` how long it took without the start of the lab.
    """

    id: str
    digest: str
    date: date
    tier: str
    cores: int
    load: float
    versions: Mapping[str, str]
    seconds: float
    prepared: tuple[str, ...]
    ran: Mapping[str, tuple[str, ...]]
    scripts: Mapping[str, str]
    spreads: Mapping[str, Mapping[str, Spread]]
    schema: int = SCHEMA

    @property
    def medians(self) -> Medians:
        return {
            metric: {variant: spread.median for variant, spread in found.items()}
            for metric, found in self.spreads.items()
        }

    def is_of(self, record: Measurement) -> bool:
        """Whether there is a figure for exactly what the record asks for."""
        asked = {metric: set(record.varied.labels) for metric in record.metrics}
        return asked == {metric: set(found) for metric, found in self.spreads.items()}

    def contradictions(self, record: Measurement) -> tuple[str, ...]:
        """In what the figures are not as the record expects, with the medians for a reader."""
        if not self.is_of(record):
            return ()
        shown = {
            metric: ", ".join(f"{variant} {value:,g}" for variant, value in found.items())
            for metric, found in self.medians.items()
        }
        return tuple(
            f"`{expectation}` does not hold; medians: "
            + "; ".join(f"{metric}: {text}" for metric, text in shown.items() if metric in expectation)
            for expectation in record.contradictions(self.medians)
        )


def rounded(value: float) -> float:
    """A sample with as many digits as it can have meant."""
    return float(f"{value:.{DIGITS}g}")


def write(data: Path, result: Result) -> Path:
    """Keep it under the data directory. Returns the file."""
    path = data / MEASUREMENTS / f"{result.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(result), indent=1, default=str) + "\n")
    return path


def read(data: Path) -> dict[str, Result]:
    """Everything that was kept, by id. Raises ValueError for a file that is none of ours, with its name."""
    return {path.stem: _read(path) for path in sorted((data / MEASUREMENTS).glob("*.json"))}


def _read(path: Path) -> Result:
    try:
        return TypeAdapter(Result).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} is no measurement of this guide: {error}") from error
