"""What `make check` runs: style, types, the data, and the tests that a change touches, in less than a minute.

The change is what this branch has beyond main (BASE names another), committed or not. The tests nearest to it
come first, and none begins after WITHIN seconds. Those that start a lab or a browser, or measure time, run
only where they or the module that they mirror have changed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.affected import affected, is_test

ROOT = Path(__file__).parents[1]
BASE = os.environ.get("BASE", "main")
WITHIN = float(os.environ.get("WITHIN", "40"))
NO_TESTS = 5
HEAVY = "lab or browser or quiet"
# they read every source, and hold the whole house
ALWAYS = ("tests/test_architecture.py", "tests/test_one_source.py")
BESIDE = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("guide", "validate"),
)


def changed(root: Path, base: str) -> list[str]:
    """The files that differ from `base`, with those not yet committed or known to git; not those deleted.

    Raises SystemExit when git does not know `base`.
    """

    def git(*arguments: str) -> list[str]:
        command = ("git", "-C", str(root), *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    try:
        (merge_base,) = git("merge-base", "HEAD", base)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"check: {error.stderr.strip()}; name a branch with BASE=...") from error
    names = {*git("diff", "--name-only", merge_base), *git("ls-files", "--others", "--exclude-standard")}
    return sorted(name for name in names if (root / name).is_file())


def selections(tests: Mapping[str, int]) -> list[tuple[str, ...]]:
    """The arguments of each run of pytest for tests and their distance: the nearest whole, others in part."""
    nearest = tuple(test for test, distance in tests.items() if distance == 0)
    others = dict.fromkeys([*tests, *ALWAYS])
    light = ("-m", f"not ({HEAVY})", *(test for test in others if test not in nearest))
    return [nearest, light] if nearest else [light]


def main() -> int:
    end = time.monotonic() + WITHIN
    files = changed(ROOT, BASE)
    tests = affected(ROOT, files)
    print(f"check: {len(files)} changed files touch {len(tests)} of {_all_tests()} test modules", flush=True)
    beside = {command: _begun(command) for command in BESIDE}
    failed = [_pytest(selection, max(1.0, end - time.monotonic())) for selection in selections(tests)]
    for command, process in beside.items():
        output, _ = process.communicate()
        if process.returncode:
            print(f"check: {' '.join(command)}\n{output}", end="")
        failed.append(process.returncode)
    return int(any(failed))


def _begun(command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _pytest(selection: Sequence[str], within: float) -> int:
    command = (sys.executable, "-m", "pytest", "-q", "--no-header", f"--within={within:.0f}", *selection)
    status = subprocess.run(command, cwd=ROOT).returncode
    # a module may have none but heavy tests
    return 0 if status == NO_TESTS else status


def _all_tests() -> int:
    return sum(is_test(path.relative_to(ROOT).as_posix()) for path in (ROOT / "tests").rglob("*.py"))


if __name__ == "__main__":
    sys.exit(main())
