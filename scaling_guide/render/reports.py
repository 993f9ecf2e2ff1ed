"""What runs left below the build directory, read back."""

from pathlib import Path

from scaling_guide.model.kill_matrix import KillMatrix
from scaling_guide.model.results import Run


def runs(build: Path) -> dict[str, Run]:
    """The last run of each environment, with what earlier ones saw of checks that it was not about.

    Raises ValueError, naming the file, for one that is no report of this guide.
    """
    found = [Run.read(path) for path in sorted((build / "verify").rglob("results.json"))]
    last: dict[str, Run] = {}
    for run in sorted(found, key=lambda each: each.ended):
        earlier = last.get(run.environment)
        last[run.environment] = run if run.whole or earlier is None else _together(earlier, run)
    return last


def _together(earlier: Run, later: Run) -> Run:
    """A later run about some checks, and the rows of an earlier one about the others."""
    names = dict.fromkeys(result.name for run in (earlier, later) for result in run.results)
    merged = earlier.updated(later, names)
    return later.model_copy(update={"results": merged.results})


def latest_run(build: Path, environment: str) -> Run | None:
    """The last run of an environment, None where it was never verified. Raises ValueError as `runs` does."""
    return runs(build).get(environment)


def kill_matrix(build: Path) -> KillMatrix | None:
    """The last whole proof run, None before the first. Raises ValueError as `runs` does."""
    path = build / "proof" / "kill-matrix.json"
    return KillMatrix.read(path) if path.is_file() else None
