"""The list that is read page by page, and the ways in which a bad change makes it boundless."""

from pathlib import Path

import pytest

from tests.lab.app.test_service import client_of, make


def rows(tmp_path: Path, path: str) -> list[int]:
    client = client_of(make(tmp_path, page_default=5, page_most=10, request_timeout=5.0))
    return [item["id"] for item in client.get(path).json()["items"]]


def test_pages_have_a_size_by_default_and_at_most(tmp_path: Path) -> None:
    assert len(rows(tmp_path, "/api/items")) == 5
    assert len(rows(tmp_path, "/api/items?limit=100000")) == 10
    assert len(rows(tmp_path, "/api/items?limit=-1")) == 1


def test_the_next_page_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    client = client_of(make(tmp_path, page_default=5, request_timeout=5.0))
    first = client.get("/api/items").json()
    following = client.get(f"/api/items?after={first['next']}").json()
    assert following["items"][0]["id"] == 6
    assert client.get("/api/items?after=1199").json()["next"] is None


def test_every_answer_tells_its_parts(tmp_path: Path) -> None:
    client = client_of(make(tmp_path, request_timeout=5.0))
    timing = client.get("/api/items").headers["server-timing"]
    assert [part.split(";")[0] for part in timing.split(", ")] == ["app", "db"]


@pytest.mark.parametrize(("regression", "count"), [("unbounded", 1200), ("whole-list", 10)])
def test_a_regression_loses_one_bound(tmp_path: Path, regression: str, count: int) -> None:
    suffix = "?limit=100000" if regression == "unbounded" else ""
    assert len(rows(tmp_path, f"/regressions/{regression}/api/items{suffix}")) == count
