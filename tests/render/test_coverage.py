"""Coverage is counted from records and reports; what nobody looked at is unknown, and never 0."""

from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.coverage import Coverage, TopicCoverage
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import KillMatrix, Proven
from scaling_guide.model.results import Run
from scaling_guide.render.coverage import coverage
from tests.macros.small_guide import SECTIONS, THRESHOLD, TOPIC, make_check, make_guide, make_mutant, proof_of

OTHER = "load-balancing/algorithms"


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """The page of the one topic that is written."""
    page = tmp_path / f"{TOPIC}.md"
    page.parent.mkdir()
    page.touch()
    return tmp_path


@pytest.fixture
def guide() -> Guide:
    return make_guide(thresholds={"down": THRESHOLD})


def counted(guide: Guide, docs: Path, run: Run | None = None, matrix: KillMatrix | None = None) -> Coverage:
    return coverage(guide, docs, run, matrix)


def of(found: Coverage, topic: str = TOPIC) -> TopicCoverage:
    (one,) = (each for each in found.topics if each.id == topic)
    return one


def a_run(*checks: dict[str, Any]) -> Run:
    at = {"started": "2026-11-24T05:00:00Z", "finished": "2026-11-24T05:01:00Z"}
    return Run.model_validate({"environment": "lab", "tier": "medium", **at, "checks": checks})


def a_matrix(**mutants: list[dict[str, Any]]) -> KillMatrix:
    """`nginx_read_timeout` stands for the check nginx-read-timeout@nginx."""
    checks = [{"id": f"{name.replace('_', '-')}@nginx", "mutants": each} for name, each in mutants.items()]
    return KillMatrix.model_validate(proof_of(checks))


def test_every_topic_of_the_table_of_contents_is_there(guide: Guide, docs: Path) -> None:
    found = counted(guide, docs)
    assert [(topic.id, topic.section, topic.title, topic.page) for topic in found.topics] == [
        (TOPIC, "load-balancing", "Configuration", f"{TOPIC}/"),
        (OTHER, "load-balancing", "Algorithms", None),
    ]
    assert found.written == 1


def test_records_without_a_page_are_not_written(guide: Guide, docs: Path) -> None:
    (docs / f"{TOPIC}.md").unlink()
    assert of(counted(guide, docs)).page is None


def test_what_the_records_hold_is_counted(guide: Guide, docs: Path) -> None:
    topic = of(counted(guide, docs))
    assert (topic.settings, topic.runbooks, topic.thresholds, topic.sources) == (3, 1, 1, 1)


def test_without_a_run_checks_are_those_that_the_lab_would_be_asked(guide: Guide, docs: Path) -> None:
    facts = {**make_guide().topics[TOPIC].model_dump(mode="json", exclude_unset=True)["facts"]}
    facts["nginx-read-timeout"]["systems"] = ["nginx", "app"]
    assert of(counted(make_guide(facts), docs)).checks == 3, "the small lab has no app"


def test_with_a_run_checks_are_those_that_were_judged(guide: Guide, docs: Path) -> None:
    fact = guide.facts["nginx-read-timeout"]
    of_a_runbook = make_check(guide.facts["app-ready"])
    run = a_run(make_check(fact, target="a"), make_check(fact, target="b"), of_a_runbook)
    assert of(counted(guide, docs, run)).checks == 2


def test_unknown_is_none_and_never_zero(guide: Guide, docs: Path) -> None:
    found = counted(guide, docs, a_run(make_check(guide.facts["app-ready"])))
    topic = of(found)
    assert (topic.verified, topic.mutants, topic.proven) == (None, None, None)
    assert (found.totals["verified"], found.totals["mutants"], found.totals["proven"]) == (None, None, None)


@pytest.mark.parametrize(
    ("second", "verified"),
    [({}, 1), ({"outcome": "fail"}, 0), ({"outcome": "unreachable"}, 0), ({"digest": "older"}, 0)],
)
def test_a_setting_is_verified_where_all_targets_passed_what_it_says_now(
    guide: Guide, docs: Path, second: dict[str, str], verified: int
) -> None:
    fact = guide.facts["nginx-read-timeout"]
    run = a_run(make_check(fact, target="a"), {**make_check(fact, target="b"), **second})
    assert of(counted(guide, docs, run)).verified == verified


def test_a_setting_is_proven_where_a_mutant_of_each_of_its_checks_was_killed(
    guide: Guide, docs: Path
) -> None:
    matrix = a_matrix(
        nginx_read_timeout=[make_mutant("above"), make_mutant("absent", red=False)],
        nginx_worker_connections=[make_mutant("below", only=False)],
    )
    topic = of(counted(guide, docs, matrix=matrix))
    assert (topic.mutants, topic.proven) == (3, 1)
    lacking = matrix.model_copy(update={"checks": (*matrix.checks, Proven("nginx-read-timeout@other", ()))})
    assert of(counted(guide, docs, matrix=lacking)).proven == 0


def test_a_mutant_for_two_settings_is_one_mutant(guide: Guide, docs: Path) -> None:
    matrix = a_matrix(nginx_read_timeout=[make_mutant()], nginx_worker_connections=[make_mutant()])
    assert of(counted(guide, docs, matrix=matrix)).mutants == 1


def test_totals_count_once_what_topics_share(guide: Guide, docs: Path) -> None:
    topic = guide.topics[TOPIC]
    twin = topic.model_copy(update={"facts": {}})
    twin._id = OTHER
    shared = counted(guide.model_copy(update={"topics": {TOPIC: topic, OTHER: twin}}), docs)
    assert (of(shared).runbooks, of(shared, OTHER).runbooks, shared.totals["runbooks"]) == (1, 1, 1)


def test_the_document_has_its_published_shape(guide: Guide, docs: Path) -> None:
    document = counted(guide, docs).document()
    assert document["schema"] == 1
    keys = {
        "id",
        "section",
        "title",
        "page",
        "settings",
        "checks",
        "mutants",
        "runbooks",
        "thresholds",
        "sources",
    }
    assert all(keys <= topic.keys() for topic in document["topics"])
    assert keys - {"id", "section", "title", "page"} <= document["totals"].keys()
    assert (document["totals"]["topics"], document["totals"]["written"]) == (len(SECTIONS[0]["topics"]), 1)
