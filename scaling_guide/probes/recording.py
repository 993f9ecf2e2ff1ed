"""Keep observations in a file, and read them back."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from scaling_guide.model.systems import probe_names
from scaling_guide.probes.observation import Failure, Need, Observation, Result, Undetermined, now

SCHEMA = 1

_KINDS: dict[str, type[Observation] | type[Failure]] = {"observation": Observation, "failure": Failure}


class ReplayError(ValueError):
    """A file does not hold observations that this program can judge; the message says what is wrong."""


def save(path: Path, environment: str, results: Mapping[Need, Result]) -> None:
    """Keep `results` in a JSON file that only its owner may read, written whole or not at all.

    Raises OSError.
    """
    rows = [{"kind": type(result).__name__.lower(), **asdict(result)} for result in results.values()]
    document = {"schema": SCHEMA, "environment": environment, "saved_at": now(), "results": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1) + "\n")
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def replay(path: Path, environment: str | None = None) -> dict[Need, Result]:
    """The results that `save` kept.

    Raises OSError, and ReplayError where the file is damaged, is something else, was written by another
    version, or tells of another environment than the one named.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ReplayError(f"{path} is not a whole JSON document: {error}") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise ReplayError(f"{path} holds no observations of schema {SCHEMA}; its schema is {schema}")
    if environment and document.get("environment") != environment:
        raise ReplayError(f"{path} tells of {document.get('environment')}, not of {environment}")
    try:
        results = [_result(row) for row in document["results"]]
        return {(result.probe, result.target): result for result in results}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReplayError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _result(row: dict[str, Any]) -> Result:
    kind = _KINDS[row["kind"]]
    if row["probe"] not in probe_names():
        raise ValueError(f"no system has a probe `{row['probe']}`")
    result = kind(**{field.name: row[field.name] for field in fields(kind)})
    if isinstance(result, Failure):
        return result
    if not (isinstance(result.values, dict) and result.values):
        raise ValueError(f"{result.probe} of {result.target} saw nothing")
    values = {
        name: Undetermined(**each) if isinstance(each, dict) else each for name, each in result.values.items()
    }
    return replace(result, values=values)
