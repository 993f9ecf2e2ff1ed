from bs4 import BeautifulSoup

from macros import home
from tests.macros.conftest import Site


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_home_links_written_topics_and_names_the_others(site: Site) -> None:
    shown = soup(home.sections(site("index.md")))
    assert [link["href"] for link in shown.find_all("a")] == ["load-balancing/configuration/"]
    assert "Not written yet: Algorithms." in shown.get_text()
