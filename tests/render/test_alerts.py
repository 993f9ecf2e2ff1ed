"""The rules file leads from each documented threshold to its runbook, and asks only for what is exported."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from scaling_guide.model.budgets import Threshold
from scaling_guide.model.load import examine
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.results import Run
from scaling_guide.probes.observation import Failure
from scaling_guide.render.alerts import alert_rules
from scaling_guide.verify.check import Check, judge
from scaling_guide.verify.reports import metrics_prom

HERE = Path(__file__).parent
GUIDE, _ = examine(
    HERE.parents[1] / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"}
)
assert GUIDE is not None
THRESHOLDS = list(GUIDE.thresholds.values())

# `name{label="value", other=~"pattern"}`, as written in PromQL
SELECTOR = re.compile(r"\b((?:haproxy|guide|pg|pgbouncer)_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)=(~?)"([^"]*)"')


def rules(site: str = "") -> dict[str, dict[str, Any]]:
    """The rules of the real guide, by alert."""
    assert GUIDE is not None
    groups = yaml.safe_load(alert_rules(GUIDE, site))["groups"]
    return {rule["alert"]: {**rule, "group": group["name"]} for group in groups for rule in group["rules"]}


def exported() -> dict[str, dict[str, set[str]]]:
    """Metric to its labels to their values (none where a label names a server, proxy and the like)."""
    found: dict[str, dict[str, set[str]]] = our_own()
    for line in [line for file in HERE.glob("*.metrics") for line in file.read_text().splitlines()[1:]]:
        name, _, labels = line.rstrip("}").partition("{")
        pairs = (label.partition("=") for label in labels.split(",") if label)
        found[name] = {key: set(values.split("|")) - {""} for key, _, values in pairs}
    return found


def our_own() -> dict[str, dict[str, set[str]]]:
    """The metrics that a run leaves behind, as `exported` tells those of others."""
    assert GUIDE is not None
    environment = GUIDE.environments["lab"]
    fact = next(iter(GUIDE.facts.values()))
    check = Check(fact, fact.targets(environment)[0], environment)
    at = "2026-06-15T12:00:00.000Z"
    failure = Failure(fact.probe, check.target.id, Outcome.TIMEOUT, "nobody answers", at, 3.0)
    rows = (judge(check, [failure]),)
    text = metrics_prom(Run(environment="lab", tier="medium", started=at, finished=at, results=rows))
    outcomes = {"outcome": set(Outcome), "check": set(GUIDE.facts)}
    return {
        family.name: {label: outcomes.get(label, set()) for label in family.samples[0].labels}
        for family in text_string_to_metric_families(text)
    }


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.alert)
def test_a_threshold_becomes_a_rule_with_the_way_to_its_runbook(threshold: Threshold) -> None:
    rule = rules("https://guide.example.com/")[threshold.alert]
    assert rule["expr"] == threshold.expr
    assert rule["for"] == threshold.hold
    assert rule["labels"] == {"severity": threshold.severity, "topic": threshold.topic}
    assert rule["group"] == threshold.topic
    assert rule["annotations"]["description"] == threshold.why
    page = f"https://guide.example.com/runbooks/{threshold.runbook}/#{threshold.alert}"
    assert rule["annotations"]["runbook_url"] == page


def test_every_threshold_has_one_rule() -> None:
    assert sorted(rules()) == sorted(threshold.alert for threshold in THRESHOLDS)


def test_each_group_has_its_name_once() -> None:
    """Prometheus refuses a file in which two groups share a name."""
    assert GUIDE is not None
    names = [group["name"] for group in yaml.safe_load(alert_rules(GUIDE))["groups"]]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.alert)
def test_a_rule_asks_for_metrics_that_exist(threshold: Threshold) -> None:
    """An alert on a metric that nobody exports never fires, and looks like peace."""
    assert GUIDE is not None
    selectors = SELECTOR.findall(threshold.expr)
    assert selectors
    for metric, written in selectors:
        known = exported()[metric]
        for name, pattern, value in LABEL.findall(written):
            assert name in known
            values = value.split("|") if pattern and "(" not in value else [value]
            for each in values if known[name] else ():
                assert any(re.fullmatch(each, other) for other in known[name])


def test_silence_of_the_checks_themselves_is_an_alert() -> None:
    """A file that nobody writes any more goes on being exported, and a check that cannot look is not red."""
    stopped, blind = rules()["VerificationStopped"]["expr"], rules()["VerificationBlind"]["expr"]
    assert "absent(guide_verify_finished_timestamp_seconds)" in stopped
    assert "time() - guide_verify_finished_timestamp_seconds >" in stopped
    for code in (ExitCode.NOTHING_SELECTED, ExitCode.NOTHING_VERIFIED):
        assert f"guide_verify_exit_code == {code}" in stopped
    for outcome in (Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.ERROR):
        assert outcome in blind
