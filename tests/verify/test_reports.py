"""What a run leaves behind."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import Run
from scaling_guide.verify import reports
from scaling_guide.verify.check import Check, judge
from tests.verify.records import TODAY, make_fact


@pytest.fixture
def run(environment, found, failure) -> Run:
    lb = environment.targets["lb"]
    looks = {"good": found(2), "drifted": found(1), "unseen": failure("timeout"), "newer": found(2)}
    gates = {"newer": {"since": "3.0"}}
    results = tuple(
        judge(Check(make_fact(name, **gates.get(name, {})), lb, environment), [look], TODAY)
        for name, look in looks.items()
    )
    return made(results)


def made(results, **changes):
    """A run of a second at noon."""
    at = {"started": "2026-06-15T12:00:00.000Z", "finished": "2026-06-15T12:00:01.000Z"}
    return Run(environment="place", tier="medium", results=tuple(results), **{**at, **changes})


def test_results_json_has_the_published_shape(run):
    document = json.loads(reports.results_json(run))
    assert list(document) == [
        "schema", "environment", "tier", "started", "finished", "whole", "before", "findings", "exit_code",
        "counts", "checks",
    ]  # fmt: skip
    assert document["exit_code"] == 1
    assert document["counts"] == {"pass": 1, "fail": 1, "timeout": 1, "not_applicable": 1}
    wanted = {
        "id", "topic", "runbook", "system", "target", "safety", "outcome", "setting", "expected", "found",
        "message", "page", "source", "reproduce", "observed_at", "attempts", "seconds",
    }  # fmt: skip
    assert all(wanted <= set(row) for row in document["checks"])


def test_junit_names_file_and_line_and_tells_errors_from_failures(run):
    suite = ElementTree.fromstring(reports.junit_xml(run))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "4",
        "1",
        "1",
        "1",
    )
    drifted = next(case for case in suite if case.get("name") == "drifted@lb")
    assert drifted.get("file")
    assert drifted.get("line") == "1"
    assert "expected at least 2" in drifted.find("failure").get("message")
    unseen = next(case for case in suite if case.get("name") == "unseen@lb")
    assert unseen.find("error").get("type") == "timeout"


def test_what_a_server_that_lies_sends_breaks_no_report(environment, found, tmp_path):
    check = Check(make_fact(expect={"equals": "on"}, unit="text"), environment.targets["lb"], environment)
    garbage = "\x00\x01SSH-2.0\x1b[31m \udcff \ufffe"
    reports.write(made([judge(check, [found(garbage)], TODAY)]), tmp_path, ())
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    shown = r"\x00\x01SSH-2.0\x1b[31m \udcff \ufffe"
    assert f"is {shown}, expected" in suite.find("testcase/failure").get("message")
    assert f"| {shown} |" in (tmp_path / "summary.md").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["checks"][0]["found"] == shown


def test_the_summary_lists_everything_that_did_not_pass(run):
    text = reports.summary_md(run)
    assert "`drifted`" in text
    assert "`unseen`" in text
    assert "`newer`" in text
    assert "`good`" not in text
    assert "| unknown |" in text


def test_metrics_tell_each_check_s_outcome(run):
    text = reports.metrics_prom(run)
    assert 'check="drifted",environment="place",outcome="fail"' in text
    assert 'guide_verify_exit_code{environment="place"} 1.0' in text


def test_metrics_tell_when_the_run_ended_since_they_stay_when_nobody_runs_it_any_more(run):
    sample = r'^guide_verify_finished_timestamp_seconds{environment="place"} (\S+)$'
    found = re.search(sample, reports.metrics_prom(run), re.MULTILINE)
    assert found
    assert datetime.fromtimestamp(float(found[1]), UTC).isoformat() == "2026-06-15T12:00:01+00:00"


def test_a_report_is_replaced_whole_or_not_at_all(run, tmp_path, monkeypatch):
    reports.write(run, tmp_path, ())
    before = (tmp_path / "results.json").read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        reports.replace_file(tmp_path / "results.json", "half")
    assert (tmp_path / "results.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(reports.REPORTS)


# ------------------------------------------------------------------------------------ runs about some checks


NAMES = ["good@lb", "drifted@lb", "unseen@lb", "newer@lb"]


def written(directory):
    return Run.read(directory / "results.json")


def again(run, name, outcome, observed_at, **changes):
    """A later run about one check of `run`."""
    (row,) = (result for result in run.results if result.name == name)
    result = replace(row, outcome=outcome, observed_at=observed_at)
    at = {"started": observed_at, "finished": observed_at}
    return run.model_copy(update={**at, "results": (result,), "whole": False, **changes})


def test_what_is_written_is_read_back(run, tmp_path):
    reports.write(run, tmp_path, NAMES)
    assert written(tmp_path) == run


def test_a_run_about_some_checks_updates_their_rows_in_the_last_whole_run(run, tmp_path):
    whole = run.model_copy(update={"whole": True})
    reports.write(whole, tmp_path, NAMES)
    part = again(run, "drifted@lb", Outcome.PASS, "2026-06-15T13:00:00.000Z")
    reports.write(part, tmp_path, NAMES)
    merged = written(tmp_path)
    assert [(row.name, row.outcome) for row in merged.results] == [
        ("good@lb", "pass"), ("drifted@lb", "pass"), ("unseen@lb", "timeout"), ("newer@lb", "not_applicable"),
    ]  # fmt: skip
    assert (merged.whole, merged.started, merged.finished) == (True, whole.started, whole.finished)
    assert [row.observed_at for row in merged.results][:2] == [
        whole.results[0].observed_at,
        "2026-06-15T13:00:00.000Z",
    ]
    assert merged.exit_code == 10
    metrics = (tmp_path / "metrics.prom").read_text()
    assert 'guide_verify_exit_code{environment="place"} 10.0' in metrics
    assert metrics.count("guide_check_outcome{") == len(NAMES)
    # what this run did is what a job wants to see
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("tests") == "1"
    assert "good" not in (tmp_path / "summary.md").read_text()


def test_observations_of_long_ago_do_not_replace_newer_ones(run, tmp_path):
    reports.write(run.model_copy(update={"whole": True}), tmp_path, NAMES)
    reports.write(again(run, "drifted@lb", Outcome.PASS, "2020-01-01T00:00:00.000Z"), tmp_path, NAMES)
    assert [row.outcome for row in written(tmp_path).results][1] == "fail"


def test_a_row_of_a_check_that_is_no_longer_documented_goes(run, tmp_path):
    reports.write(run.model_copy(update={"whole": True}), tmp_path, NAMES)
    part = again(run, "drifted@lb", Outcome.PASS, "2026-06-15T13:00:00.000Z")
    reports.write(part, tmp_path, ["drifted@lb", "good@lb"])
    assert [row.name for row in written(tmp_path).results] == ["drifted@lb", "good@lb"]


@pytest.mark.parametrize("changes", [{"environment": "other"}, {"tier": "large"}])
def test_a_run_of_another_environment_or_tier_is_not_mixed_in(run, tmp_path, changes):
    reports.write(run.model_copy(update={"whole": True}), tmp_path, NAMES)
    part = again(run, "drifted@lb", Outcome.PASS, "2026-06-15T13:00:00.000Z", **changes)
    reports.write(part, tmp_path, NAMES)
    assert [row.name for row in written(tmp_path).results] == ["drifted@lb"]


def test_a_report_that_is_damaged_is_replaced(run, tmp_path):
    (tmp_path / "results.json").write_text("{")
    reports.write(run, tmp_path, NAMES)
    assert written(tmp_path) == run
