"""The list that is read page by page, and the ways in which a bad change makes it boundless."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from scaling_guide.lab.layout import Lab
from tests.systems.app.program.asking import ask, places


@pytest.fixture
def get(live: Lab, tmp_path: Path):
    """Answers of an instance whose pages have 5 rows by default and 10 at most."""

    def get(*paths: str) -> list[httpx.Response]:
        async def talk(client: httpx.AsyncClient) -> list[httpx.Response]:
            return [await client.get(path) for path in paths]

        found: list[httpx.Response] = ask(tmp_path, places(live), talk, page_default=5, page_most=10)
        return found

    return get


def ids(answer: httpx.Response) -> list[int]:
    return [item["id"] for item in answer.json()["items"]]


def test_pages_have_a_size_by_default_and_at_most(get) -> None:
    sizes = ("", "?limit=100000", "?limit=-1")
    assert [len(ids(answer)) for answer in get(*(f"/api/items{size}" for size in sizes))] == [5, 10, 1]


def test_the_next_page_goes_on_where_the_last_one_ended(get) -> None:
    first, second, last = get("/api/items", "/api/items?after=5", "/api/items?after=1195")
    assert (first.json()["next"], ids(second)) == (5, [6, 7, 8, 9, 10])
    assert (ids(last), last.json()["next"]) == ([1196, 1197, 1198, 1199, 1200], None)


def test_what_is_no_number_is_the_clients_fault(get) -> None:
    paths = [f"/api/items?{query}" for query in ("after=x", "limit=", "after=99999999999999999999")]
    assert [answer.status_code for answer in get(*paths)] == [400, 400, 400]


def test_every_answer_tells_its_parts_and_its_statements(get) -> None:
    (answer,) = get("/api/items")
    timing = answer.headers["server-timing"]
    parts = {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", timing)}
    assert list(parts) == ["pool", "db", "app"]
    assert all(ms > 0 for ms in parts.values())
    assert 'desc="statements: 1"' in timing


@pytest.mark.parametrize(("regression", "count"), [("unbounded", 1200), ("whole-list", 10)])
def test_a_regression_loses_one_bound(get, regression: str, count: int) -> None:
    suffix = "?limit=100000" if regression == "unbounded" else ""
    (answer,) = get(f"/regressions/{regression}/api/items{suffix}")
    assert len(ids(answer)) == count


def test_rows_fetched_one_by_one_are_the_same_and_cost_a_statement_each(get) -> None:
    once, each = get("/api/items", "/regressions/one-by-one/api/items")
    assert each.json() == once.json()
    assert 'desc="statements: 6"' in each.headers["server-timing"]


def test_a_slow_statement_shows_as_time_of_the_database(get) -> None:
    (answer,) = get("/regressions/slow/api/items")
    found: Any = re.search(r"db;dur=([\d.]+)", answer.headers["server-timing"])
    assert float(found[1]) >= 55


def test_every_tenth_answer_of_a_failing_list_is_an_error(get) -> None:
    answers = get(*["/regressions/failing/api/items"] * 20)
    assert [answer.status_code for answer in answers] == ([200] * 9 + [500]) * 2
