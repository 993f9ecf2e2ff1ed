"""The rules file leads from each documented threshold to its runbook, and asks only for what is exported."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaling_guide.model.budgets import Threshold
from scaling_guide.model.load import examine
from scaling_guide.render.alerts import alert_rules

HERE = Path(__file__).parent
GUIDE, _ = examine(
    HERE.parents[1] / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"}
)
assert GUIDE is not None
THRESHOLDS = list(GUIDE.thresholds.values())

# `name{label="value", other=~"pattern"}`, as written in PromQL
SELECTOR = re.compile(r"\b((?:haproxy|guide)_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)=(~?)"([^"]*)"')


def rules(site: str = "") -> dict[str, dict[str, Any]]:
    """The rules of the real guide, by alert."""
    assert GUIDE is not None
    groups = yaml.safe_load(alert_rules(GUIDE, site))["groups"]
    return {rule["alert"]: {**rule, "group": group["name"]} for group in groups for rule in group["rules"]}


def exported() -> dict[str, dict[str, set[str]]]:
    """Metric to its labels to their values (none where a label names a server, proxy and the like)."""
    lines = (HERE / "haproxy-2.6.12.metrics").read_text().splitlines()[1:]
    found: dict[str, dict[str, set[str]]] = {}
    for line in lines:
        name, _, labels = line.rstrip("}").partition("{")
        pairs = (label.partition("=") for label in labels.split(",") if label)
        found[name] = {key: set(values.split("|")) - {""} for key, _, values in pairs}
    return found


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
        labels = LABEL.findall(written)
        if metric == "guide_check_outcome":
            checks = [value for name, _, value in labels if name == "check"]
            assert any(re.fullmatch(checks[0], fact) for fact in GUIDE.facts)
            continue
        known = exported()[metric]
        for name, _, value in labels:
            assert name in known
            assert not known[name] or value in known[name]
