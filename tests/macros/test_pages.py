"""The pages that speak about the whole guide: home, tiers, coverage, verification, proof."""

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from macros import coverage, home, proof, tiers, verification
from tests.macros.conftest import Site
from tests.macros.small_guide import TOPIC, make_check, write_proof, write_run

HELD = {"landed": True, "red": True, "only": True, "restored": True}


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def words(html: str) -> str:
    return soup(html).get_text(" ", strip=True)


def row(html: str, topic: str) -> list[str]:
    """The cells of the row of `topic`."""
    (found,) = (each for each in soup(html).select("tbody tr") if each.find("th").get_text() == topic)
    return [cell.get_text() for cell in found.find_all("td")]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def write(checks: list[dict[str, Any]], **changes: Any) -> None:
        write_run(tmp_path / "build" / "verify", checks, **changes)

    return write


# ------------------------------------------------------------------------------------------------------ home


def test_home_links_written_topics_and_names_the_others(site: Site) -> None:
    shown = soup(home.sections(site("index.md")))
    assert [link["href"] for link in shown.find_all("a")] == ["load-balancing/configuration/"]
    assert "Not written yet: Algorithms." in shown.get_text()


# ----------------------------------------------------------------------------------------------------- tiers


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


# -------------------------------------------------------------------------------------------------- coverage


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


def test_a_fact_counts_as_verified_where_it_passed_as_it_stands_now(site: Site, run: Any) -> None:
    connections, timeout, servers = site().guide.topics[TOPIC].facts.values()
    run([make_check(connections), make_check(timeout, digest="older"), make_check(servers, "unreachable")])
    assert row(coverage.table(site()), "Configuration")[1] == "1 of 3"


def test_a_fact_that_failed_on_one_target_is_not_verified(site: Site, run: Any) -> None:
    fact = site().guide.facts["nginx-read-timeout"]
    run([make_check(fact, "pass", "a"), make_check(fact, "fail", "b")])
    assert row(coverage.table(site()), "Configuration")[1] == "0 of 3"


def test_mutants_are_counted_from_the_kill_matrix(site: Site, tmp_path: Path) -> None:
    mutants = [{"id": "below", **HELD}, {"id": "absent", **HELD, "only": False}]
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", {"nginx-read-timeout": mutants})
    assert row(coverage.table(site()), "Configuration")[2] == "1 of 2"


# ---------------------------------------------------------------------------------------------- verification


def test_no_run_is_said_to_be_none(site: Site) -> None:
    assert "No run is recorded" in verification.runs(site())


def test_every_check_shows_expected_and_found_the_worst_first(site: Site, run: Any) -> None:
    connections, timeout, servers = site().guide.topics[TOPIC].facts.values()
    unreachable = make_check(servers, "unreachable", found=None, message="nobody answers")
    drift = make_check(timeout, "fail", expected="at most 60 s", found="75 s", message="is 75 s")
    run([make_check(connections), unreachable, drift], exit_code=1)
    shown = verification.runs(site())
    rows = [each.get_text(" ", strip=True) for each in soup(shown).select("tbody tr")]
    assert rows[0].startswith("fail Read timeout nginx at most 60 s 75 s is 75 s")
    assert rows[1].startswith("unreachable Servers nginx at least 4,096 unknown nobody answers")
    assert rows[2] == "pass Connections per worker nginx at least 4,096 4,096"
    assert "1 fail, 1 unreachable, 1 pass." in shown
    assert "1: drift found" in shown


def test_a_check_that_is_no_longer_documented_is_kept_and_named(site: Site, run: Any) -> None:
    fact = site().guide.facts["nginx-read-timeout"]
    run([make_check(fact, id="removed-fact")])
    assert "removed-fact (no longer documented)" in words(verification.runs(site()))


def test_an_empty_run_is_shown_as_empty(site: Site, run: Any) -> None:
    run([], exit_code=5)
    shown = verification.runs(site())
    assert "5: nothing was selected" in shown
    assert "The run judged no check." in shown


# ----------------------------------------------------------------------------------------------------- proof


def test_no_proof_run_is_unknown(site: Site) -> None:
    assert "nothing on this page is known yet" in proof.matrix(site())


def test_the_matrix_names_checks_that_nothing_turned_red(site: Site, tmp_path: Path) -> None:
    matrix = {
        "nginx-read-timeout": [{"id": "above", **HELD}],
        "nginx-worker-connections": [{"id": "b", **HELD, "red": False}],
    }
    write_proof(tmp_path / "build" / "proof" / "kill-matrix.json", matrix)
    shown = words(proof.matrix(site()))
    assert "Mutants killed 1 of 2" in shown
    assert f"Checks proven 1 of {len(site().guide.facts)}" in shown
    assert "Not proven able to fail: nginx-worker-connections , nginx-upstream-servers , app-ready ." in shown
