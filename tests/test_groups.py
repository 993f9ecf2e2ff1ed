"""In a parallel run a module stays together, and so does all that uses the same lab."""

from pathlib import Path

import pytest

GROUPS = (Path(__file__).parent / "groups.py").read_text("utf-8")
LIVE = """
import os

@pytest.fixture(scope="session")
def live(): pass

@pytest.fixture(autouse=True)
def _noted(request, record_property):
    record_property("worker", os.environ["PYTEST_XDIST_WORKER"])
"""
PLAIN = "def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n"
WITH_LIVE = "def test_d(live): pass\ndef test_e(): pass\n"


def test_what_shares_a_lab_or_a_module_shares_a_worker(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(GROUPS + LIVE)
    pytester.makepyfile(test_one=PLAIN + WITH_LIVE, test_two=PLAIN + WITH_LIVE, test_three=PLAIN)
    recorded = pytester.inline_run("-n3", "--dist=loadgroup")
    worker = {
        report.nodeid: dict(report.user_properties)["worker"]
        for report in recorded.getreports("pytest_runtest_logreport")
        if report.when == "call"
    }
    assert len(worker) == 13
    groups = {id: "live" if id.endswith("_d") else id.partition("::")[0] for id in worker}
    for name in ("live", "test_one.py", "test_two.py", "test_three.py"):
        assert len({worker[id] for id in worker if groups[id] == name}) == 1
    assert len(set(worker.values())) > 1
