"""What was measured is kept, read back as it was, and known to be outdated when what was done has changed."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.load import examine
from scaling_guide.model.rehearsals import Act, Measured, Played, Seen, read, scenario_digest, write
from scaling_guide.model.runbooks import Rehearsal
from scaling_guide.render.commands import digest

SCENARIO = {"title": "As documented", "lost_at_most": 0}
LOST = Seen(2700, 1749, {"http 503": 951}, 950, (1.2, 6.2), {"p50": 21.0}, 3, 2, 4)


def a_rehearsal(**changes: Any) -> Rehearsal:
    record = {
        "targets": ["nginx"],
        "requests_per_second": 200,
        "seconds": 4,
        "scenarios": {"documented": SCENARIO, "bare": {"title": "Bare"}},
        **changes,
    }
    return Rehearsal.model_validate(record)


def a_measured(rehearsal: Rehearsal) -> Measured:
    played = {
        name: Played(
            title=scenario.title,
            method="GET",
            digest=scenario_digest(rehearsal, name),
            bounded=scenario.lost_at_most is not None,
            seen={"nginx": LOST},
            acts=(Act("mitigate", "nginx", "Reload.", 0, 0.5), Act("verify", None, "Wait.", None, 60.0)),
            unmet={"verify": ("app-ready@app-1 fail",)},
            differences=("nginx: nginx.conf: was a, is b",),
            problems=("nginx lost 951 of 2,700 in all, at most 0 may be",) if name == "documented" else (),
        )
        for name, scenario in rehearsal.scenarios.items()
    }
    return Measured("drain", "abc", date(2026, 11, 24), "medium", 2, {"nginx": "1.22.1"}, 200, played)


def test_what_was_kept_is_read_back_as_it_was(tmp_path: Path) -> None:
    measured = a_measured(a_rehearsal())
    write(tmp_path, measured)
    assert read(tmp_path) == {"drain": measured}


def test_the_same_measurement_is_the_same_file(tmp_path: Path) -> None:
    first = write(tmp_path, a_measured(a_rehearsal())).read_bytes()
    assert write(tmp_path, a_measured(a_rehearsal())).read_bytes() == first


def test_without_a_measurement_there_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"id": "drain"}'])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: str) -> None:
    path = write(tmp_path, a_measured(a_rehearsal()))
    path.write_text(content)
    with pytest.raises(ValueError, match=r"drain\.json is no measurement"):
        read(tmp_path)


def test_problems_name_their_scenario() -> None:
    assert a_measured(a_rehearsal()).problems == (
        "documented: nginx lost 951 of 2,700 in all, at most 0 may be",
    )


def test_what_was_lost_is_said_in_words() -> None:
    assert LOST.words == "951 of 2,700 lost (http 503 951) within 5.00 s, 2 executed twice"
    assert Seen(2700, 2700, {}, 0, None, {}, 0).words == "0 of 2,700 lost"


def test_latencies_are_said_in_words_or_that_there_are_none() -> None:
    latencies = {"p50": 21.4, "p95": 30.0, "p99": 1234.5, "max": 5000.0}
    assert Seen(2700, 2700, {}, 0, None, latencies, 0).latency_words == "p50 21, p95 30, p99 1,234 ms"
    assert Seen(2700, 0, {"timeout": 2700}, 0, None, {}, 0).latency_words == "none answered"


@pytest.mark.parametrize(
    "changes",
    [
        {"requests_per_second": 100},
        {"path": "/big"},
        {"scenarios": {"documented": SCENARIO, "bare": {"title": "Bare", "given": ["app-killed"]}}},
        {"scenarios": {"documented": SCENARIO, "renamed": {"title": "Bare"}}},
    ],
)
def test_another_load_or_scenario_outdates_a_measurement(changes: dict[str, Any]) -> None:
    assert a_measured(a_rehearsal()).changed("abc", a_rehearsal(**changes))


def test_other_commands_outdate_a_measurement() -> None:
    assert a_measured(a_rehearsal()).changed("abd", a_rehearsal())
    assert a_measured(a_rehearsal()).changed("abc", None)


def test_other_words_and_bounds_do_not() -> None:
    reworded = {"documented": {"title": "Documented", "lost_at_most": 3}, "bare": {"title": "Bare"}}
    assert not a_measured(a_rehearsal()).changed("abc", a_rehearsal(scenarios=reworded))


def test_a_runbook_is_called_tested_only_while_its_rehearsal_stands() -> None:
    data = Path(__file__).parents[2] / "data"
    guide, _ = examine(data, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(data.parent), "user": "me"})
    assert guide is not None
    known = read(data)
    for runbook in guide.runbooks.values():
        if runbook.status != "draft":
            assert known[runbook.id].problems == ()
            assert not known[runbook.id].changed(digest(guide, runbook), runbook.rehearsal), runbook.id
