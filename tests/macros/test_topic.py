import re
from pathlib import Path

from bs4 import BeautifulSoup

from macros import topic
from scaling_guide.model.topics import Topic
from scaling_guide.probes.probe import probe
from tests.macros.conftest import Site
from tests.macros.small_guide import (
    FACTS,
    THRESHOLD,
    TOPIC,
    TOPIC_RECORD,
    make_check,
    make_fact,
    make_guide,
    write_run,
)


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def words(html: str) -> str:
    return soup(html).get_text(" ", strip=True)


def settings(site: Site, **facts: object) -> BeautifulSoup:
    guide = make_guide(facts or FACTS)
    return soup(topic.settings(site(guide=guide), guide.topics[TOPIC].facts.values()))


def whole(table: BeautifulSoup, fact_id: str) -> BeautifulSoup:
    """Both rows of a setting: its values, and below them why and from where."""
    row = table.find(id=fact_id)
    return soup(f"<table>{row}{row.find_next_sibling('tr')}</table>")


def test_the_header_names_outcome_owner_status_and_review(site: Site) -> None:
    shown = words(topic.header(site(), site().guide.topics[TOPIC]))
    for part in ("No request is lost.", "platform", "tested", "22 Nov 2026", "not verified yet"):
        assert part in shown


def test_the_header_says_what_the_last_run_saw(site: Site, tmp_path: Path) -> None:
    facts = site().guide.facts
    checks = [
        make_check(facts["nginx-worker-connections"], "unreachable", found=None),
        make_check(facts["nginx-read-timeout"]),
    ]
    write_run(tmp_path / "build" / "verify", checks)
    shown = words(topic.header(site(), site().guide.topics[TOPIC]))
    assert "lab: 1 pass, 1 unreachable, 24 Nov 2026, 05:32 UTC" in shown


def test_a_setting_shows_operator_and_unit_for_each_tier(site: Site) -> None:
    row = settings(site).find(id="nginx-worker-connections")
    assert [cell.get_text() for cell in row.select("td.sg-expect")] == [
        "at least 1,024",
        "at least 4,096",
        "at least 4,096",
    ]


def test_a_setting_that_is_the_same_on_all_tiers_is_said_once(site: Site) -> None:
    (cell,) = settings(site).find(id="nginx-read-timeout").select("td.sg-expect")
    assert cell.get_text(" ", strip=True) == "at most 60 s on all tiers"


def test_a_value_of_the_environment_is_shown_for_the_example(site: Site) -> None:
    (cell,) = settings(site).find(id="nginx-upstream-servers").select("td.sg-expect")
    assert "10.0.1.31:8000" in cell.get_text()
    assert "example environment production" in cell.get_text()


def test_a_setting_shows_why_and_the_kind_link_and_day_of_its_source(site: Site) -> None:
    row = whole(settings(site), "nginx-worker-connections")
    shown = row.get_text(" ", strip=True)
    assert "A request holds two connections." in shown
    assert "vendor default" in shown
    assert "last read 20 Nov 2026" in shown
    assert row.find("a", href="https://nginx.org/core").get_text() == "Nginx core"


def test_a_rule_of_thumb_needs_no_link(site: Site) -> None:
    row = whole(settings(site), "nginx-upstream-servers")
    assert "rule of thumb" in row.get_text()
    assert row.find("a") is None


def test_a_value_that_config_files_take_is_shown_where_it_differs(site: Site) -> None:
    fact = make_fact(
        expect={"at_most": "75s"}, use={"small": "60s", "medium": "65s", "large": "65s"}, unit="duration"
    )
    shown = settings(site, **{"nginx-keepalive": fact}).get_text(" ", strip=True)
    assert "config files use 60 s" in shown
    assert "config files use 65 s" in shown


def test_a_setting_that_nobody_looked_at_says_so(site: Site) -> None:
    assert len(settings(site).find_all("summary", string=re.compile("not verified yet"))) == len(FACTS)


def test_a_setting_shows_the_outcome_on_all_its_targets(site: Site, tmp_path: Path) -> None:
    fact = site().guide.facts["nginx-worker-connections"]
    write_run(tmp_path / "build" / "verify", [make_check(fact, "pass", "a"), make_check(fact, "fail", "b")])
    shown = whole(settings(site), fact.id).get_text(" ", strip=True)
    assert "vendor default, fail, pass" in shown
    assert "pass on 1 of 2" in shown
    assert "fail on 1 of 2" in shown
    assert "lab, 24 Nov 2026, 05:32 UTC" in shown


def test_a_setting_that_changed_since_it_was_verified_says_so(site: Site, tmp_path: Path) -> None:
    fact = site().guide.facts["nginx-worker-connections"]
    write_run(tmp_path / "build" / "verify", [make_check(fact, digest="older")])
    assert "changed since verified" in whole(settings(site), fact.id).get_text()


def test_text_from_the_data_starts_no_markup(site: Site) -> None:
    hostile = "<script>x</script> | *a*"
    shown = settings(site, **{"a": make_fact(why=hostile, label=hostile)})
    assert shown.find("script") is None
    assert hostile in shown.get_text()


def test_settings_of_several_systems_stand_under_headings(site: Site) -> None:
    guide = make_guide({"a": make_fact(), "b": make_fact(systems=["haproxy", "nginx"])})
    shown = topic.settings(site(guide=guide), guide.topics[TOPIC].facts.values())
    assert "### Nginx\n" in shown
    assert "### HAProxy and Nginx\n" in shown


def test_what_changes_between_tiers_leaves_out_what_does_not(site: Site) -> None:
    shown = topic.changes(site(), site().guide.topics[TOPIC].facts.values())
    rows = shown.splitlines()[2:]
    assert rows == [
        "| Nginx: [`worker_connections` Connections per worker](#nginx-worker-connections) "
        "| at least 1,024 becomes at least 4,096 | no change |"
    ]


def test_nothing_to_change_between_tiers_is_said(site: Site) -> None:
    guide = make_guide({"nginx-read-timeout": FACTS["nginx-read-timeout"]})
    assert "Nothing changes" in topic.changes(site(guide=guide), guide.topics[TOPIC].facts.values())


def test_a_setting_is_named_by_its_parameter_with_the_reason_in_sight(site: Site) -> None:
    table = settings(site)
    head = table.find(id="nginx-worker-connections").find("th")
    assert head.find("code").get_text() == "worker_connections"
    assert head.get_text() == "worker_connections Connections per worker"
    detail = whole(table, "nginx-worker-connections").find(class_="sg-detail")
    assert detail.find(string=True, recursive=False).strip() == "A request holds two connections."
    assert detail.find("details").find("summary").get_text() == "vendor default, not verified yet"


def test_a_reading_has_no_parameter_to_name(site: Site) -> None:
    fact = make_fact(setting="sample > hit ratio", probe="redis", systems=["redis"])
    assert settings(site, ratio=fact).find(id="ratio").find("th").find("code") is None


def test_a_budget_stands_on_one_page_and_is_linked_from_others(site: Site, docs: Path) -> None:
    (docs / "load-balancing" / "algorithms.md").touch()
    terms = {"edge": {"fact": "far"}, "outer": {"fact": "wide"}, "inner": {"fact": "nginx-read-timeout"}}
    source = {"kind": "rule of thumb", "says": "x"}
    budget = {"title": "Ladder", "why": "x", "code": "LADDER", "terms": terms, "holds": "edge > inner"}
    guide = make_guide(budgets={"ladder": {**budget, "source": source}})
    other = Topic.model_validate({**TOPIC_RECORD, "facts": {"far": make_fact(), "wide": make_fact()}})
    other._id = "load-balancing/algorithms"
    for id, fact in other.facts.items():
        fact._id, fact._topic = id, other.id
    guide = guide.model_copy(update={"topics": {**guide.topics, other.id: other}})
    shown = soup(topic.budgets(site(guide=guide), guide.topics[TOPIC]))
    assert [link["href"] for link in shown.find_all("a")] == ["../algorithms/#budget-ladder"]
    assert shown.find("table") is None
    there = soup(topic.budgets(site("load-balancing/algorithms.md", guide=guide), other))
    assert there.find("table")["id"] == "budget-ladder"


def test_checks_name_what_is_read_and_for_which_facts(site: Site) -> None:
    shown = words(topic.checks(site(), site().guide.topics[TOPIC]))
    assert "nginx_config read: no request Nginx 3" in shown


def test_checks_say_how_many_requests_they_send(site: Site) -> None:
    facts = {"ready": make_fact(probe="app"), "dropped": make_fact(probe="nginx_status")}
    guide = make_guide(facts)
    shown = words(topic.checks(site(guide=guide), guide.topics[TOPIC]))
    assert f"app probe: about {probe('app').requests} ordinary requests" in shown
    assert "nginx_status probe: one ordinary request Nginx" in shown


def test_pitfalls_show_what_was_seen_why_and_the_way_out(site: Site) -> None:
    shown = words(topic.pitfalls(site(), site().guide.topics[TOPIC]))
    assert "Stale names Seen Old addresses. Because Read once. Instead Reload." in shown


def test_related_topics_that_are_not_written_are_no_links(site: Site) -> None:
    shown = soup(topic.links(site(), site().guide.topics[TOPIC]))
    assert [link["href"] for link in shown.find_all("a")] == ["../../runbooks/drain/"]
    assert "Algorithms (not written yet)" in shown.get_text()


def test_a_budget_shows_the_figures_of_each_tier(site: Site) -> None:
    budget = {
        "title": "Ladder",
        "why": "Inner first.",
        "code": "LADDER",
        "terms": {"edge": {"value": "100s", "unit": "duration"}, "inner": {"fact": "nginx-read-timeout"}},
        "holds": "edge > inner",
        "source": {"kind": "rule of thumb", "says": "x"},
    }
    guide = make_guide(budgets={"ladder": budget})
    shown = words(topic.budgets(site(guide=guide), guide.topics[TOPIC]))
    assert "edge > inner" in shown
    assert "edge 100 s" in shown
    assert "inner: proxy_read_timeout Read timeout 60 s on all tiers" in shown


def test_a_threshold_leads_to_its_runbook_and_to_the_alert_rules(site: Site, docs: Path) -> None:
    guide = make_guide(thresholds={"down": THRESHOLD})
    shown = soup(topic.thresholds(site(guide=guide), guide.topics[TOPIC]))
    assert shown.find("a")["href"] == "../../runbooks/drain/"
    assert "up == 0" in shown.get_text()
    assert "not written for download in this build" in shown.get_text()
    (docs / "downloads").mkdir()
    (docs / "downloads" / "alerts.yml").touch()
    shown = soup(topic.thresholds(site(guide=guide), guide.topics[TOPIC]))
    assert shown.find("a", download=True)["href"] == "../../downloads/alerts.yml"
