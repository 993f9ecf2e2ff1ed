from datetime import date
from typing import Any

import pytest
from bs4 import BeautifulSoup

from macros import measured, runbook
from scaling_guide.model.experiments import Experiment
from scaling_guide.model.rehearsals import Measured, Played, Seen, scenario_digest
from scaling_guide.model.runbooks import Rehearsal
from scaling_guide.render.commands import digest
from tests.macros.conftest import Site
from tests.macros.small_guide import TOPIC, make_guide, make_runbook


def words(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


REHEARSAL = Rehearsal.model_validate(
    {
        "targets": ["nginx"],
        "requests_per_second": 200,
        "seconds": 20,
        "scenarios": {
            "documented": {"title": "As documented", "lost_at_most": 0},
            "bare": {"title": "Without a drain", "method": "POST"},
        },
    }
)


def make_seen(lost: int) -> Seen:
    window = (1.0, 3.5) if lost else None
    return Seen(2700, 2700 - lost, {"502": lost} if lost else {}, 0, window, {"p99": 30.0}, 0)


def make_played(name: str, lost: int, *problems: str) -> Played:
    scenario = REHEARSAL.scenarios[name]
    digest = scenario_digest(REHEARSAL, name)
    bounded = scenario.lost_at_most is not None
    seen = {"nginx": make_seen(lost)}
    return Played(scenario.title, scenario.method, digest, bounded, seen, (), {}, None, problems)


@pytest.fixture
def rehearsed(site: Site) -> Any:
    """The words of the runbook page after a rehearsal that lost so many requests as documented."""
    drain = make_runbook(rehearsal=REHEARSAL.model_dump())
    guide = make_guide(runbooks={"drain": drain})

    def show(lost: int = 0, problems: tuple[str, ...] = (), known: str = digest(guide, drain)) -> str:
        played = {"documented": make_played("documented", lost, *problems), "bare": make_played("bare", 1234)}
        versions = {"nginx": "1.22.1"}
        found = Measured("drain", known, date(2026, 11, 23), "medium", 2, versions, 200, played)
        return words(runbook.page(site("runbooks/drain.md", guide, {"drain": found}), drain))

    return show


def test_a_rehearsal_shows_what_was_lost_against_what_is_documented(rehearsed: Any) -> None:
    shown = rehearsed()
    assert "In the lab on 23 Nov 2026 : 200 requests a second, tier medium, 2 cores, nginx 1.22.1." in shown
    assert "As documented (GET) as documented nginx 0 of 2,700 lost p99 30 ms at most 0 lost" in shown
    assert (
        "Without a drain (POST) nginx 1,234 of 2,700 lost (502 1,234) within 2.50 s p99 30 ms"
        " shown for comparison" in shown
    )
    assert "changed since" not in shown


def test_a_rehearsal_that_was_not_as_documented_says_what_was_wrong(rehearsed: Any) -> None:
    shown = rehearsed(3, ("nginx lost 3, at most 0",))
    assert "Last rehearsed 23 Nov 2026 , 1 not as documented" in shown
    assert "As documented (GET) not as documented nginx 3 of 2,700 lost" in shown
    assert "at most 0 lost nginx lost 3, at most 0" in shown


def test_a_runbook_that_changed_since_its_rehearsal_says_so(rehearsed: Any) -> None:
    shown = rehearsed(known="of older commands")
    assert "23 Nov 2026 (changed since)" in shown
    assert "What was measured has changed since" in shown


def make_experiment() -> Experiment:
    experiment = Experiment.model_validate(
        {
            "title": "A server dies",
            "topic": TOPIC,
            "owner": "platform",
            "reviewed": "2026-11-22",
            "question": "What is lost?",
            "learned": "Retries are worth having.",
            "rehearsal": REHEARSAL.model_dump(),
        }
    )
    experiment._id = "server-dies"
    return experiment


def test_a_topic_shows_its_experiments_with_question_lesson_and_figures(site: Site) -> None:
    experiment = make_experiment()
    guide = make_guide(experiments={"server-dies": experiment})
    played = {name: make_played(name, 0) for name in REHEARSAL.scenarios}
    found = Measured(
        "server-dies", digest(guide, experiment), date(2026, 11, 23), "medium", 2, {}, 200, played
    )
    shown = measured.experiments(site(guide=guide, measured={"server-dies": found}), guide.topics[TOPIC])
    assert "### A server dies" in shown
    assert "Question What is lost? Learned Retries are worth having." in words(shown)
    assert "0 of 2,700 lost" in words(shown)


def test_an_experiment_that_was_not_run_shows_no_figures(site: Site) -> None:
    guide = make_guide(experiments={"server-dies": make_experiment()})
    assert "Not measured yet" in measured.experiments(site(guide=guide), guide.topics[TOPIC])


def test_a_topic_without_experiments_says_so(site: Site) -> None:
    assert "Nothing was measured" in measured.experiments(site(), site().guide.topics[TOPIC])


def test_what_was_lost_can_be_told_in_prose_and_is_unknown_before_anybody_counted(site: Site) -> None:
    found = Measured("x", "", date(2026, 11, 23), "medium", 2, {}, 200, {"bare": make_played("bare", 1234)})
    assert measured.lost(site(measured={"x": found}), "x", "bare", "nginx") == "1,234"
    assert measured.lost(site(), "x", "bare", "nginx") == "unknown"


def test_a_scenario_that_was_not_measured_is_named(site: Site) -> None:
    found = Measured("x", "", date(2026, 11, 23), "medium", 2, {}, 200, {"bare": make_played("bare", 1234)})
    with pytest.raises(LookupError, match="not measured for scenario `other` through `nginx`"):
        measured.lost(site(measured={"x": found}), "x", "other", "nginx")


def test_what_may_be_lost_can_differ_by_load_balancer_and_by_time(site: Site) -> None:
    scenarios = {
        **REHEARSAL.model_dump()["scenarios"],
        "documented": {"title": "As documented", "lost_at_most": {"nginx": 5}, "lost_after_at_most": 1},
    }
    drain = make_runbook(rehearsal={**REHEARSAL.model_dump(), "scenarios": scenarios})
    played = {"documented": make_played("documented", 0)}
    guide = make_guide(runbooks={"drain": drain})
    found = Measured("drain", digest(guide, drain), date(2026, 11, 23), "medium", 2, {}, 200, played)
    shown = words(measured.table(site(guide=guide, measured={"drain": found}), drain))
    assert "at most 5 lost, at most 1 lost once mitigated" in shown
