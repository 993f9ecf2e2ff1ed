"""What runs left below the build directory, as the plain JSON that they published."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]


def latest_run(build: Path, environment: str) -> Document | None:
    """The newest `results.json` of an environment, None where it was never verified.

    Raises ValueError, naming the file, for one that is no report of this guide.
    """
    runs = [
        _read(path, "environment", "finished", "checks") for path in (build / "verify").rglob("results.json")
    ]
    here = [run for run in runs if run["environment"] == environment]
    return max(here, key=lambda run: str(run["finished"]), default=None)


def kill_matrix(build: Path) -> Document | None:
    """The `kill-matrix.json`, None before the first proof run. Raises ValueError as `latest_run` does."""
    path = build / "proof" / "kill-matrix.json"
    return _read(path, "checks") if path.is_file() else None


def _read(path: Path, *keys: str) -> Document:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        missing = sorted({*keys} - document.keys())
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no report of this guide: {error}") from None
    if missing:
        raise ValueError(f"{path} is no report of this guide: it has no `{missing[0]}`")
    return document
