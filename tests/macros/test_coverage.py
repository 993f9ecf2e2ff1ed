from pathlib import Path

from bs4 import BeautifulSoup

from macros import coverage
from tests.macros.conftest import Run, Site
from tests.macros.small_guide import TOPIC, make_check, make_mutant, write_proof


def words(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


def row(html: str, topic: str) -> list[str]:
    """The cells of the row of `topic`."""
    (found,) = (
        each
        for each in BeautifulSoup(html, "html.parser").select("tbody tr")
        if each.find("th").get_text() == topic
    )
    return [cell.get_text() for cell in found.find_all("td")]


def test_a_topic_that_is_not_written_has_no_figures(site: Site) -> None:
    assert row(coverage.table(site()), "Algorithms") == ["not written yet"]
    assert "1 of 2 topics are written" in words(coverage.table(site()))


def test_a_topic_without_its_page_is_not_written(site: Site, docs: Path) -> None:
    (docs / "load-balancing" / "configuration.md").unlink()
    assert row(coverage.table(site()), "Configuration") == ["not written yet"]


def test_what_nobody_looked_at_is_no_zero(site: Site) -> None:
    assert row(coverage.table(site()), "Configuration") == [
        "3",
        "not looked yet",
        "no proof run",
        "1",
        "0",
        "1",
    ]


def test_a_fact_counts_as_verified_where_it_passed_as_it_stands_now(site: Site, run: Run) -> None:
    connections, timeout, servers = site().guide.topics[TOPIC].facts.values()
    run([make_check(connections), make_check(timeout, digest="older"), make_check(servers, "unreachable")])
    assert row(coverage.table(site()), "Configuration")[1] == "1 of 3"


def test_a_fact_that_failed_on_one_target_is_not_verified(site: Site, run: Run) -> None:
    fact = site().guide.facts["nginx-read-timeout"]
    run([make_check(fact, "pass", "a"), make_check(fact, "fail", "b")])
    assert row(coverage.table(site()), "Configuration")[1] == "0 of 3"


def test_facts_that_a_mutant_turned_red_are_counted(site: Site, tmp_path: Path) -> None:
    checks = {
        "nginx-read-timeout@nginx": [make_mutant()],
        "nginx-worker-connections@nginx": [make_mutant(only=False)],
    }
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", checks)
    assert row(coverage.table(site()), "Configuration")[2] == "1 of 3"
