"""A runbook's fingerprint: another where a command is another, and the same wherever the lab is."""

from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.runbooks import Runbook
from scaling_guide.render.commands import digest
from tests.render.commands.conftest import DATA, GUIDE

DRAIN = GUIDE.runbooks["drain-and-replace-backend"]


def changed(runbook: Runbook, **changes: Any) -> Runbook:
    copy = runbook.model_copy(update=changes)
    copy._id = runbook.id
    return copy


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Guide:
    """The guide with its lab at another place, started by another user."""
    root = tmp_path_factory.mktemp("lab")
    found, _ = examine(DATA, {"net": "127.7.0", "root": str(root), "repo": "/x", "user": "root"})
    assert found is not None
    return found


@pytest.mark.parametrize("name", GUIDE.runbooks)
def test_the_place_of_the_lab_makes_no_difference(elsewhere: Guide, name: str) -> None:
    assert digest(elsewhere, elsewhere.runbooks[name]) == digest(GUIDE, GUIDE.runbooks[name])


def test_other_words_make_no_difference() -> None:
    (first, *others) = DRAIN.mitigate.steps
    reworded = DRAIN.mitigate.model_copy(
        update={"steps": (first.model_copy(update={"do": "Drain."}), *others)}
    )
    assert digest(GUIDE, changed(DRAIN, mitigate=reworded, symptom="Slow.")) == digest(GUIDE, DRAIN)


@pytest.mark.parametrize("change", [{"run": "true"}, {"wait": "true"}, {"id": "other"}, {"role": "primary"}])
def test_another_step_makes_a_difference(change: dict[str, str]) -> None:
    (first, *others) = DRAIN.mitigate.steps
    other = DRAIN.mitigate.model_copy(update={"steps": (first.model_copy(update=change), *others)})
    assert digest(GUIDE, changed(DRAIN, mitigate=other)) != digest(GUIDE, DRAIN)


def test_another_look_makes_a_difference() -> None:
    (first, *others) = DRAIN.confirm
    other = (first.model_copy(update={"run": "true"}), *others)
    assert digest(GUIDE, changed(DRAIN, confirm=other)) != digest(GUIDE, DRAIN)


def test_another_documented_value_makes_a_difference_where_a_command_has_it(tmp_path: Path) -> None:
    cold = GUIDE.runbooks["cache-cold-start"]
    topic = GUIDE.topics["load-balancing/configuration"]
    fact = topic.facts["haproxy-server-maxconn"].model_copy(update={"use": {"medium": 222}})
    other = topic.model_copy(update={"facts": {**topic.facts, "haproxy-server-maxconn": fact}})
    guide = GUIDE.model_copy(update={"topics": {**GUIDE.topics, "load-balancing/configuration": other}})
    guide.__dict__.pop("facts", None)
    assert guide.values("medium")["haproxy-server-maxconn"] == 222
    assert digest(guide, cold) != digest(GUIDE, cold)
    assert digest(guide, DRAIN) == digest(GUIDE, DRAIN)


def test_experiments_have_no_commands() -> None:
    assert len({digest(GUIDE, each) for each in GUIDE.experiments.values()}) == 1
