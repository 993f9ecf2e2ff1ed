"""The table of cache keys has a row for each class, and leads to the facts that it quotes."""

import pytest
from bs4 import BeautifulSoup

from macros import topic
from scaling_guide.model.cache_keys import CacheKeys, Documented
from tests.macros.conftest import Site
from tests.macros.small_guide import make_guide

LOCK = CacheKeys(title="Lock", kind="lock", prefix="lock:", owner="web", ttl="5s", invalidation="Ends.")


@pytest.fixture
def cells(site: Site) -> list[list[str]]:
    guide = make_guide()
    fact = next(iter(guide.facts))
    pages = CacheKeys(
        title="Pages",
        kind="value",
        prefix="cache:{generation}:page:",
        owner="web & more",
        ttl=Documented(fact=fact),
        jitter="10%",
        negative="30s",
        generation="v3",
        invalidation="Deleted.",
    )
    html = topic.cache_keys(site(guide=guide.model_copy(update={"cache_keys": {"a": pages, "b": LOCK}})))
    rows = BeautifulSoup(html, "html.parser").find_all("tr")
    assert rows[1].find("a")["href"].endswith(f"#{fact}")
    return [[each.get_text().strip() for each in row.find_all(["th", "td"])] for row in rows]


def test_the_generation_is_part_of_the_name(cells: list[list[str]]) -> None:
    assert cells[1][0] == "cache:v3:page: Pages"


def test_what_a_class_does_not_have_is_said(cells: list[list[str]]) -> None:
    assert cells[2][1:5] == ["web", "5s", "none", "not kept"]
    assert cells[1][1] == "web & more"
