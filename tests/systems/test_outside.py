"""A system that the guide does not know comes as a package, without an edit to the engine.

The package in tests/fixtures/outside is installed into a directory of the test; its two facts are then
verified, broken and mended on a real beanstalkd.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import numbers

PACKAGE = Path(__file__).parents[1] / "fixtures" / "outside"
REPO = Path(__file__).parents[2]

PROOF = """
import asyncio, json, sys
from pathlib import Path
from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import lab
from scaling_guide.lab.proof.progress import Progress
from scaling_guide.lab.proof.run import prove
from scaling_guide.model.load import load
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import Selection, select

number, data = int(sys.argv[1]), Path(sys.argv[2])
where = lab(number)
guide = load(data, where.variables)
environment = guide.environments["lab"]
checks = select(guide, environment, Selection())
before = verify(environment, checks)
lifecycle.up(number, environment.tier, fleet="guide_beanstalkd.fleet:servers")
try:
    up = verify(environment, checks)
    proof = asyncio.run(prove(guide, environment, where, Progress(lambda line: None)))
    after = verify(environment, checks)
finally:
    lifecycle.down(number)
print(json.dumps({
    "before": [row.outcome for row in before.results],
    "up": [row.outcome for row in up.results],
    "after": [row.outcome for row in after.results],
    "kills": {kill.id: [kill.landed, kill.only, kill.restored] for kill in proof.kills},
    "dishonest": [fault.id for fault in proof.faults if not fault.honest],
    "faults": len(proof.faults),
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the package is installed in, as pip does it."""
    source, target = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target), str(source)]
    subprocess.run([*pip, *options], check=True, capture_output=True, timeout=120)
    return target


def run(installed: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    around = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(installed), str(REPO))),
        "GUIDE_BEANSTALKD_DATA": str(PACKAGE / "data"),
    }
    return subprocess.run(argv, capture_output=True, text=True, env=around, timeout=180, check=False)


def test_an_environment_and_a_fact_may_name_it(installed: Path) -> None:
    asked = "from scaling_guide.model.systems import *; print(*probe_names()['beanstalkd'])"
    ended = run(installed, sys.executable, "-c", asked)
    assert ended.stdout == "beanstalkd\n", ended.stderr


@pytest.mark.lab
def test_its_facts_are_verified_broken_and_mended(installed: Path) -> None:
    number = str(numbers.own().number)
    ended = run(installed, sys.executable, "-c", PROOF, number, str(PACKAGE / "data"))
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert seen["before"] == ["unreachable", "unreachable"]
    assert seen["up"] == seen["after"] == ["pass", "pass"]
    assert seen["kills"] == {
        **{f"jobs-size = {size}": [True, True, True] for size in (131_071, 131_073)},
        "drained": [True, True, True],
    }
    assert seen["dishonest"] == []
    assert seen["faults"] > 4
