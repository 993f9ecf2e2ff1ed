"""JSON Schema, generated from the records: of the data, so that YAML is completed and checked while typed,
and of the reports, for programs that read them.

`python -m scaling_guide.model.schema` writes the published copies in `data/schema/`.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from scaling_guide.model import (
    budgets,
    cache_keys,
    coverage,
    environments,
    experiments,
    kill_matrix,
    measurements,
    messages,
    questions,
    rehearsals,
    results,
    runbooks,
    sources,
    topics,
)
from scaling_guide.model.record import Id, Text, TierName
from scaling_guide.model.systems import plan_records


class Kind(NamedTuple):
    """The files below `data/` that hold one kind of record, as a glob pattern, and the record."""

    files: str
    record: Any


KINDS = {
    "guide": Kind("guide.yml", tuple[topics.Section, ...]),
    "tiers": Kind("tiers.yml", dict[TierName, topics.Tier]),
    "sources": Kind("sources.yml", dict[Id, sources.Source]),
    "budgets": Kind("budgets.yml", dict[Id, budgets.Budget]),
    "thresholds": Kind("thresholds.yml", dict[Id, budgets.Threshold]),
    "unnoticed": Kind("unnoticed.yml", tuple[topics.Unnoticed, ...]),
    "names": Kind("names.yml", dict[Text, Text]),
    "cache_keys": Kind("cache_keys.yml", dict[Id, cache_keys.CacheKeys]),
    "plans": Kind("plans/*.yml", plan_records()),
    "topic": Kind("topics/*/*.yml", topics.Topic),
    "runbook": Kind("runbooks/*.yml", runbooks.Runbook),
    "experiment": Kind("experiments/*.yml", experiments.Experiment),
    "measurement": Kind("measurements/*.yml", measurements.Measurement),
    "questions": Kind("questions/*/*.yml", tuple[questions.Question, ...]),
    "messages": Kind("messages/*.yml", dict[Id, messages.Message]),
    "environment": Kind("environments/*.yml", environments.Environment),
}
REPORTS: dict[str, Any] = {
    "results": results.Run,
    "kill-matrix": kill_matrix.KillMatrix,
    "coverage": coverage.Coverage,
    "rehearsal": rehearsals.Measured,
}
"""What runs publish as JSON; the last is each file of `data/measured/rehearsals`."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each kind of file, by the kind's name, for its plain values."""
    read = {name: TypeAdapter(kind.record).json_schema(by_alias=True) for name, kind in KINDS.items()}
    published = {
        name: TypeAdapter(record).json_schema(by_alias=True, mode="serialization")
        for name, record in REPORTS.items()
    }
    return {name: {"$schema": DIALECT, **schema} for name, schema in {**read, **published}.items()}


def write(directory: Path) -> None:
    """Write `<kind>.json` for every kind into `directory`, and remove what is no kind any more."""
    directory.mkdir(parents=True, exist_ok=True)
    for stale in directory.glob("*.json"):
        stale.unlink()
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        (directory / f"{name}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[2] / "data" / "schema")
