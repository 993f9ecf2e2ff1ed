from pathlib import Path

from bs4 import BeautifulSoup

from macros import coverage
from tests.macros.conftest import Run, Site
from tests.macros.small_guide import make_check, make_mutant, write_proof


def shown(site: Site) -> BeautifulSoup:
    return BeautifulSoup(coverage.table(site()), "html.parser")


def row(site: Site, topic: str) -> dict[str, str]:
    """The cells of the row of `topic`, by their heading."""
    (found,) = (each for each in shown(site).select("tbody tr") if each.find("th").get_text() == topic)
    return {cell.get("data-label", ""): cell.get_text() for cell in found.find_all("td")}


def test_a_topic_that_is_not_written_has_no_figures(site: Site) -> None:
    assert row(site, "Algorithms") == {"": "not written yet"}
    assert "1 of 2 topics are written" in shown(site).get_text()


def test_a_topic_without_its_page_is_not_written(site: Site, docs: Path) -> None:
    (docs / "load-balancing" / "configuration.md").unlink()
    assert row(site, "Configuration") == {"": "not written yet"}


def test_what_nobody_looked_at_is_no_zero(site: Site) -> None:
    assert row(site, "Configuration") == {
        "Settings": "3",
        "Checks in the lab": "3",
        "Verified as documented": "not looked yet",
        "Mutants": "no proof run",
        "Proven able to fail": "no proof run",
        "Runbooks": "1",
        "Thresholds": "0",
        "Sources": "1",
        "Questions": "0",
        "Messages": "0",
    }


def test_what_was_verified_and_proven_is_told_of_all_settings(site: Site, run: Run, tmp_path: Path) -> None:
    run([make_check(site().guide.facts["nginx-read-timeout"])])
    write_proof(
        tmp_path / "build" / "proof" / "kill-matrix.json", {"nginx-read-timeout@nginx": [make_mutant()]}
    )
    cells = row(site, "Configuration")
    assert cells["Verified as documented"] == cells["Proven able to fail"] == "1 of 3"
    assert cells["Mutants"] == "1"
