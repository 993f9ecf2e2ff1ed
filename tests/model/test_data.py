"""The data of the guide itself is valid, and quickly found to be."""

import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from scaling_guide.model.load import examine

DATA = Path(__file__).parents[2] / "data"
VARIABLES = {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent)}


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
