"""A fact to judge, and the day on which it is judged."""

from datetime import date
from typing import Any

from scaling_guide.model.facts import Fact

TODAY = date(2026, 6, 15)
SETTING = "backend app > retries"


def make_fact(id: str = "retries", **changes: Any) -> Fact:
    """A fact about HAProxy: at least 2 retries, unless `changes` say otherwise."""
    record = {
        "label": "Retries",
        "systems": ["haproxy"],
        "probe": "haproxy_config",
        "setting": SETTING,
        "expect": {"at_least": 2},
        "unit": "count",
        "why": "A reason.",
        "source": {"kind": "rule of thumb", "says": "Ours."},
    }
    made = Fact.model_validate({**record, **changes})
    made._id, made._topic = id, "load-balancing/configuration"
    return made
