"""A measurement for tests: two ways, and one figure of each."""

from typing import Any

from scaling_guide.model.measurements import Measurement

RECORD: dict[str, Any] = {
    "title": "Two ways",
    "topic": "performance/network",
    "owner": "platform",
    "reviewed": "2026-11-24",
    "question": "Which is faster?",
    "learned": "The short one.",
    "not_shown": "The network.",
    "varied": {"label": "Way", "variants": {"long": "The long one", "short": "The short one"}},
    "metrics": {"time": {"label": "Time", "unit": "ms", "better": "lower"}},
    "repeats": 3,
    "expect": ["time.short < time.long"],
}


def make_record(id: str = "ways", **changes: Any) -> Measurement:
    record = Measurement.model_validate({**RECORD, **changes})
    record._id = id
    return record
