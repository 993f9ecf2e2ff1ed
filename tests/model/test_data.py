"""The data of the guide itself is valid, and quickly found to be."""

import re
import shutil
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from scaling_guide.model.load import examine
from scaling_guide.model.yaml_text import read

DATA = Path(__file__).parents[2] / "data"
BUDGETS: dict[str, dict[str, str]] = read(DATA / "budgets.yml").value
VARIABLES = {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"}


@pytest.fixture(scope="module")
def last_looked_at() -> date:
    """The day on which the data was last touched: what is stale today was not when it was written."""
    guide, _ = examine(DATA, VARIABLES)
    assert guide is not None
    reviews = [owner.reviewed for owner in (*guide.topics.values(), *guide.runbooks.values())]
    return max(*(source.seen for source in guide.sources.values()), *reviews)


def test_the_data_has_no_problem(last_looked_at: date) -> None:
    assert [str(problem) for problem in examine(DATA, VARIABLES, last_looked_at)[1]] == []


def test_the_data_is_read_and_checked_in_less_than_two_seconds(last_looked_at: date) -> None:
    start = time.process_time()
    examine(DATA, VARIABLES, last_looked_at)
    assert time.process_time() - start < 2


def test_the_data_grows_old(last_looked_at: date) -> None:
    problems = examine(DATA, VARIABLES, last_looked_at + timedelta(days=400))[1]
    assert {problem.code for problem in problems} >= {"SOURCE_STALE", "REVIEW_OVERDUE"}


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_that_does_not_hold_is_told_by_its_code(
    name: str, last_looked_at: date, tmp_path: Path
) -> None:
    data = shutil.copytree(DATA, tmp_path / "data")
    before = examine(data, VARIABLES, last_looked_at)[1]
    text = (data / "budgets.yml").read_text("utf-8")
    broken = re.sub(rf"(?ms)^{name}:$.*?^  holds: ", r"\g<0>not ", text, count=1)
    (data / "budgets.yml").write_text(broken, "utf-8")
    found = set(examine(data, VARIABLES, last_looked_at)[1]) - set(before)
    assert {problem.code for problem in found} == {BUDGETS[name]["code"]}
