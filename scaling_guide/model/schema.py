"""JSON Schema for editors, generated from the records, so that YAML is completed and checked while typed."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from scaling_guide.model import budgets, environments, runbooks, sources, topics
from scaling_guide.model.record import Id, TierName

# file pattern below data/ -> the record it holds
KINDS: dict[str, Any] = {
    "guide": tuple[topics.Section, ...],
    "tiers": dict[TierName, topics.Tier],
    "sources": dict[Id, sources.Source],
    "budgets": dict[Id, budgets.Budget],
    "thresholds": dict[Id, budgets.Threshold],
    "topic": topics.Topic,
    "runbook": runbooks.Runbook,
    "environment": environments.Environment,
}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each kind of file, by the kind's name."""
    return {name: TypeAdapter(kind).json_schema(by_alias=True) for name, kind in KINDS.items()}


def write(directory: Path) -> None:
    """Write `<kind>.json` for every kind into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        text = json.dumps(schema, indent=2, sort_keys=True) + "\n"
        (directory / f"{name}.json").write_text(text, "utf-8")
