"""The data of the guide itself is valid, and quickly found to be."""

import re
import shutil
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.rules.budgets import budget_broken
from scaling_guide.model.yaml_text import read

DATA = Path(__file__).parents[2] / "data"
POOLING = "topics/database-scaling/connection-pooling.yml"
BUDGETS: dict[str, dict[str, str]] = read(DATA / "budgets.yml").value
VARIABLES = {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"}


@pytest.fixture(scope="module")
def guide() -> Guide:
    guide, _ = examine(DATA, VARIABLES)
    assert guide is not None
    return guide


@pytest.fixture(scope="module")
def last_looked_at(guide: Guide) -> date:
    """The day on which the data was last touched: what is stale today was not when it was written."""
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


@pytest.mark.parametrize(
    ("file", "text", "bound", "past"),
    [
        ("tiers.yml", "replicas: 20\n", 75, 76),
        (POOLING, "{small: 5, medium: 5, large: 4}", 18, 19),
        ("budgets.yml", "{small: 20, medium: 100, large: 400}", 1200, 1201),
        (
            POOLING,
            "{small: 200, medium: 2000, large: 8000}",
            625,
            624,
        ),
    ],
    ids=["replicas", "pool", "workers", "clients"],
)
def test_no_operand_takes_the_application_past_the_clients_of_the_pooler(
    file: str, text: str, bound: int, past: int, last_looked_at: date, tmp_path: Path
) -> None:
    data = shutil.copytree(DATA, tmp_path / "data")
    before = (data / file).read_text("utf-8")
    assert before.count(text) == 1
    codes = []
    for value in (bound, past):
        changed = re.sub(r"(medium|replicas): \d+", rf"\1: {value}", text)
        (data / file).write_text(before.replace(text, changed), "utf-8")
        found = examine(data, VARIABLES, last_looked_at)[1]
        codes.append([problem.code for problem in found if problem.code == "POOLS_OVER_CLIENTS"])
    assert codes == [[], ["POOLS_OVER_CLIENTS"]]


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_that_does_not_hold_is_told_by_its_code(
    name: str, guide: Guide, last_looked_at: date
) -> None:
    budget = guide.budgets[name]
    broken = budget.model_copy(update={"holds": f"not ({budget.holds})"})
    for holds, codes in ((budget, set()), (broken, {budget.code})):
        changed = guide.model_copy(update={"budgets": {name: holds}})
        assert {problem.code for problem in budget_broken(changed, last_looked_at)} == codes
