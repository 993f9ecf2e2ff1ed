from pathlib import Path

from bs4 import BeautifulSoup

from macros import runbook
from tests.macros.conftest import Site
from tests.macros.small_guide import make_check, make_guide, write_run


def page(site: Site) -> str:
    return runbook.page(site("runbooks/drain.md"), site().guide.runbooks["drain"])


def words(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


def test_the_parts_stand_in_the_order_in_which_someone_on_call_needs_them(site: Site) -> None:
    headings = [line[3:] for line in page(site).splitlines() if line.startswith("## ")]
    assert headings == [
        "Symptom",
        "Impact",
        "Confirm",
        "Diagnose",
        "Before you act",
        "Mitigate",
        "Verify",
        "Roll back",
        "Afterwards",
        "Rehearsed",
        "What this runbook checks",
    ]


def test_the_strip_names_what_one_must_know_before_reading(site: Site) -> None:
    shown = words(page(site).split("## Symptom")[0])
    for part in (
        "critical",
        "ServerDown",
        "small, medium, large",
        "platform",
        "one minute",
        "not verified yet",
    ):
        assert part in shown


def test_a_command_is_shown_for_the_example_environment_and_where_it_is_run(site: Site) -> None:
    shown = words(page(site))
    assert "Commands are shown for the environment production and the server app-1" in shown
    assert "on app-1 curl http://10.0.1.31" in shown
    assert "from where you are drain app-1" in shown


def test_a_step_that_takes_time_shows_its_wait_and_the_limit(site: Site) -> None:
    shown = words(page(site))
    assert "then wait, at most 30s" in shown
    assert "is-drained" in shown


def test_facts_of_the_runbook_itself_stand_on_its_page(site: Site) -> None:
    assert BeautifulSoup(page(site), "html.parser").find(id="app-ready") is not None


def test_a_row_says_what_decides_it_and_leads_to_its_own_steps(site: Site) -> None:
    row = BeautifulSoup(page(site), "html.parser").find(id="row-overload")
    assert row is not None
    said = row.get_text(" ", strip=True)
    assert "Look ask : lines with ^503 : at least 1" in said
    assert "not rehearsed" in said
    assert {link["href"] for link in row.find_all("a")} == {"#look-ask", "#drain"}


def test_a_row_that_no_look_shows_says_so(site: Site) -> None:
    row = BeautifulSoup(page(site), "html.parser").find(id="row-late")
    assert row is not None
    assert "judge yourself" in row.get_text()


def test_a_step_names_the_rows_that_need_it(site: Site) -> None:
    assert "for overload" in words(page(site).split("## Mitigate")[1])


def test_the_strip_says_whom_to_call_and_when(site: Site) -> None:
    shown = words(page(site).split("## Symptom")[0])
    assert "Stop and call A second server is slow." in shown
    assert "Call nobody is named" in shown
    assert "Elsewhere called HostDown" in shown
    assert "Restart all of them." in shown


def test_verification_ends_with_what_users_see(site: Site) -> None:
    verify = page(site).split("## Verify")[1].split("## Roll back")[0]
    assert words(verify).endswith("What users see: Read it read-only from where you are read-it")


def test_a_step_says_what_it_does_to_the_environment(site: Site) -> None:
    shown = page(site)
    assert "Drain it reversible" in words(shown)
    assert "Put it back irreversible" in words(shown)


def test_the_row_for_a_wrong_alert_is_marked(site: Site) -> None:
    assert "200 the alert is wrong Late alert" in words(page(site))


def test_a_look_says_what_is_normal_abnormal_and_empty(site: Site) -> None:
    assert "Normal 200 Abnormal 503 Empty or error The host is down." in words(page(site))


def test_go_and_done_are_told_by_checks_with_their_last_state(site: Site, tmp_path: Path) -> None:
    fact = site().guide.facts["nginx-worker-connections"]
    write_run(tmp_path / "build" / "verify", [make_check(fact, "fail")])
    before = words(page(site).split("## Before you act")[1].split("## Mitigate")[0])
    assert before.startswith("Go only if all of these hold: Nginx: worker_connections Connections per worker")
    assert "fail lab" in before
    assert (
        "Done when all of these hold: Nginx: proxy_read_timeout Read timeout : at most 60 s. not verified yet"
        in words(page(site))
    )


def test_the_index_leads_from_symptom_and_alert(site: Site) -> None:
    shown = BeautifulSoup(runbook.index(site("runbooks/index.md")), "html.parser")
    assert [link["href"] for link in shown.find_all("a")] == ["drain/", "drain/", "drain/#ServerDown"]
    assert "One server is slow." in shown.get_text()
    assert "HostDown (elsewhere)" in shown.get_text(" ", strip=True)


def test_the_index_offers_the_alert_rules_where_they_were_written(site: Site, docs: Path) -> None:
    assert "not written for download in this build" in runbook.index(site("runbooks/index.md"))
    (docs / "downloads").mkdir()
    (docs / "downloads" / "alerts.yml").touch()
    assert 'href="../downloads/alerts.yml" download' in runbook.index(site("runbooks/index.md"))


def test_an_index_of_nothing_says_so(site: Site) -> None:
    assert "No runbook is written yet." in runbook.index(site(guide=make_guide(runbooks={})))


def test_a_runbook_that_was_never_rehearsed_says_so(site: Site) -> None:
    assert "Last rehearsed not rehearsed yet" in words(page(site))
    assert "nobody has counted what this costs" in page(site)
