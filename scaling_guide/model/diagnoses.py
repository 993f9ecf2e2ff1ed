"""What the lab has shown of the rows of diagnoses, as it is kept in `data/measured/diagnoses/`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from scaling_guide.model.runbooks import Runbook

DIAGNOSES = "measured/diagnoses"


@dataclass(frozen=True)
class Proof:
    """What was seen with the cause of a row brought about: the row that decided, and others that held."""

    digest: str
    decided: str | None
    also: tuple[str, ...]
    words: str
    seconds: float

    def shows(self, row: str) -> bool:
        """Whether `row` decided, and no other held without its own cause."""
        return self.decided == row and not self.also


@dataclass(frozen=True)
class Proven:
    """All rows of a runbook whose cause was brought about."""

    runbook: str
    date: date
    rows: Mapping[str, Proof]

    def holds(self, runbook: Runbook, row: str) -> bool:
        """Whether `row` was shown to decide, by the looks and the readings that it has now."""
        proof = self.rows.get(row)
        return proof is not None and proof.shows(row) and proof.digest == row_digest(runbook, row)


def row_digest(runbook: Runbook, row: str) -> str:
    """A fingerprint of what decides a row: the looks, its readings and those before it, and its cause."""
    looks = [(look.id, look.run, look.silent) for look in runbook.confirm]
    order = list(runbook.rows)
    until = [runbook.rows[name] for name in order[: order.index(row) + 1]]
    readings = [[reading.model_dump(mode="json") for reading in each.holds] for each in until]
    cause = until[-1].cause.model_dump(mode="json") if until[-1].cause else None
    return sha256(json.dumps([looks, readings, cause]).encode()).hexdigest()[:16]


def write(data: Path, proven: Proven) -> Path:
    """Keep it under the data directory. Returns the file."""
    path = data / DIAGNOSES / f"{proven.runbook}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**asdict(proven), "date": proven.date.isoformat()}, indent=1) + "\n")
    return path


def read(data: Path, runbook: str) -> Proven | None:
    """What was kept of a runbook; None where nothing was. Raises ValueError for another file."""
    path = data / DIAGNOSES / f"{runbook}.json"
    if not path.is_file():
        return None
    try:
        return TypeAdapter(Proven).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} is no proof of this guide: {error}") from error
