"""What a run leaves behind."""

import json
import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from scaling_guide.verify import reports
from scaling_guide.verify.check import Check, judge
from scaling_guide.verify.run import Run
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
    return Run("place", "medium", "2026-06-15T12:00:00.000Z", "2026-06-15T12:00:01.000Z", results)


def test_results_json_has_the_published_shape(run):
    document = json.loads(reports.results_json(run))
    assert list(document) == [
        "schema", "environment", "tier", "started", "finished", "exit_code", "counts", "checks",
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
    at = "2026-06-15T12:00:00.000Z"
    lied = Run("place", "medium", at, at, (judge(check, [found(garbage)], TODAY),))
    reports.write(lied, tmp_path)
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
    reports.write(run, tmp_path)
    before = (tmp_path / "results.json").read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        reports.replace_file(tmp_path / "results.json", "half")
    assert (tmp_path / "results.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(reports.REPORTS)
