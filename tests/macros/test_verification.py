from datetime import datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from macros import verification
from tests.macros.conftest import Run, Site
from tests.macros.small_guide import TOPIC, make_check


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_no_run_is_said_to_be_none(site: Site) -> None:
    assert "No run is recorded" in verification.runs(site())


def test_every_check_shows_expected_and_found_the_worst_first(site: Site, run: Run) -> None:
    connections, timeout, servers = site().guide.topics[TOPIC].facts.values()
    unreachable = make_check(servers, "unreachable", found=None, message="nobody answers")
    drift = make_check(timeout, "fail", expected="at most 60 s", found="75 s", message="is 75 s")
    run([make_check(connections), unreachable, drift], exit_code=1)
    shown = verification.runs(site())
    rows = [each.get_text(" ", strip=True) for each in soup(shown).select("tbody tr")]
    assert rows[0].startswith("fail Read timeout nginx at most 60 s 75 s is 75 s")
    assert rows[1].startswith("unreachable Servers nginx at least 4,096 unknown nobody answers")
    assert len(rows) == 2
    assert "1 fail, 1 unreachable, 1 pass." in shown
    assert "1: drift found" in shown


def test_what_passed_is_folded_under_its_topic(site: Site, run: Run) -> None:
    connections, timeout, _ = site().guide.topics[TOPIC].facts.values()
    run([make_check(connections), make_check(timeout)])
    (fold,) = soup(verification.runs(site())).find_all("details")
    assert fold["id"] == "lab-load-balancing-configuration"
    assert fold.find("summary").get_text(" ", strip=True) == "2 pass Configuration"
    assert "nginx: events > worker_connections" in fold.get_text()
    assert "expected at least 4,096, found 4,096" in fold.get_text()


def test_a_topic_links_to_what_was_found_for_it(site: Site, run: Run, docs: Path) -> None:
    topic = site().guide.topics[TOPIC]
    assert verification.results(site(), topic) is None
    run([make_check(site().guide.facts["nginx-read-timeout"])])
    assert verification.results(site(), topic) is None
    (docs / verification.PAGE).touch()
    assert verification.results(site(), topic) == "../../verification/#lab-load-balancing-configuration"


def test_a_check_that_is_no_longer_documented_is_kept_and_named(site: Site, run: Run) -> None:
    fact = site().guide.facts["nginx-read-timeout"]
    run([make_check(fact, id="removed-fact")])
    assert "removed-fact (no longer documented)" in soup(verification.runs(site())).get_text(" ", strip=True)


def test_an_empty_run_is_shown_as_empty(site: Site, run: Run) -> None:
    run([], exit_code=5)
    shown = verification.runs(site())
    assert "5: nothing was selected" in shown
    assert "The run judged no check." in shown


def test_an_old_run_looks_old_and_says_so(site: Site, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("macros.reports.now", lambda: datetime.fromisoformat("2026-12-01T06:00:00Z"))
    facts = [*site().guide.topics[TOPIC].facts.values()]
    run([make_check(facts[0]), make_check(facts[1], observed_at="2026-12-01T05:00:00Z")], whole=True)
    shown = soup(verification.runs(site()))
    assert shown.select_one("dl.sg-old strong").get_text() == "7 days old"
    text = shown.find("details").get_text()
    assert text.count("(7 days old)") == 1
    assert "sg-old" in shown.find("details")["class"]
