from bs4 import BeautifulSoup

from macros import tiers
from tests.macros.conftest import Site


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_the_tier_table_is_complete_without_scripts(site: Site) -> None:
    shown = soup(tiers.table(site()))
    assert [each.get_text() for each in shown.select("tbody th")] == ["Small", "Medium", "Large"]
    assert "20,000" in shown.get_text()
    assert shown.form.has_attr("hidden")


def test_the_tier_table_carries_what_the_picker_needs(site: Site) -> None:
    rows = soup(tiers.table(site())).select("[data-peak]")
    assert [(each["data-tier"], each["data-peak"]) for each in rows] == [
        ("small", "100"),
        ("medium", "2000"),
        ("large", "20000"),
    ]


def test_a_tier_is_drawn_with_every_replica_and_described_in_words(site: Site) -> None:
    drawing = soup(tiers.pictures(site())).find("svg")
    assert drawing["aria-label"] == "Small; zones: 1, load balancers: 1, replicas: 3"
    assert len(drawing.select(".sg-svg--back")) == 3
    assert len(drawing.select(".sg-svg--front")) == 1
