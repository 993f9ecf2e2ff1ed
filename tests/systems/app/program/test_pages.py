"""The page and its files: kept as long as they may be, and what each bad change does to them."""

from pathlib import Path

import pytest

from scaling_guide.systems.app.program import pages
from scaling_guide.systems.web.frontend import Page
from tests.systems.app.program.test_service import client_of, make


def test_the_page_is_asked_for_again_and_not_sent_again(tmp_path: Path) -> None:
    client = client_of(make(tmp_path))
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    weak = {"If-None-Match": f"W/{first.headers['etag']}"}
    assert client.get("/", headers=weak).status_code == 304


def test_every_file_that_the_page_names_is_there_and_kept_for_ever(tmp_path: Path) -> None:
    client = client_of(make(tmp_path))
    page = Page("app.lab.test", "/")
    page.feed(client.get("/").text)
    answers = [client.get(path) for path in page.files]
    assert len(answers) == 4
    assert {(answer.status_code, answer.headers["cache-control"]) for answer in answers} == {
        (200, pages.FOR_EVER)
    }


def test_a_name_changes_with_the_content() -> None:
    assert len({asset.name for asset in pages.ASSETS.values()}) == len(pages.ASSETS)
    assert pages._named("a", "css", "text/css", "x").name != pages._named("a", "css", "text/css", "y").name


def test_a_file_that_is_not_there_is_not_kept(tmp_path: Path) -> None:
    answer = client_of(make(tmp_path)).get("/assets/gone.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


@pytest.mark.parametrize("name", [name for name, (old, _) in pages.REGRESSIONS.items() if old])
def test_every_regression_is_a_change_of_the_page(tmp_path: Path, name: str) -> None:
    client = client_of(make(tmp_path))
    assert client.get(f"/regressions/{name}/").text != client.get("/").text
