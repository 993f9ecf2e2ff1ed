"""The alert rules for Prometheus: each documented threshold, with the way to its runbook."""

from itertools import groupby
from typing import Any

import yaml

from scaling_guide.model.budgets import Threshold
from scaling_guide.model.guide import Guide

_HEAD = "# Written by `guide build` from data/thresholds.yml; change it there.\n"


def alert_rules(guide: Guide, site: str = "") -> str:
    """A rules file for Prometheus with a group for each topic.

    `site` is the address of the published guide, put before the link to each runbook. The anchor is the name
    of the alert, which the runbook's page carries.
    """
    topics = sorted(guide.thresholds.values(), key=lambda each: each.topic)
    groups = [
        {"name": topic, "rules": [_rule(each, site) for each in thresholds]}
        for topic, thresholds in groupby(topics, key=lambda each: each.topic)
    ]
    return _HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=110)


def _rule(threshold: Threshold, site: str) -> dict[str, Any]:
    page = f"runbooks/{threshold.runbook}/#{threshold.alert}"
    return {
        "alert": threshold.alert,
        "expr": threshold.expr,
        "for": threshold.hold,
        "labels": {"severity": threshold.severity, "topic": threshold.topic},
        "annotations": {
            "summary": threshold.title,
            "description": threshold.why,
            "runbook": threshold.runbook,
            "runbook_url": f"{site.rstrip('/')}/{page}",
        },
    }
