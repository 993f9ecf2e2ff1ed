"""Which row of a diagnosis decides, and when nothing can be said."""

from typing import Any

import pytest

from scaling_guide.model.runbooks import Finding
from scaling_guide.verify.diagnosis import Diagnosis, Seen, decide
from tests.verify.observations import guide

RUNBOOK = next(iter(guide().runbooks.values()))


def row(name: str, **fields: Any) -> Finding:
    holds = [{"look": fields.pop("look", "state"), "lines": fields.pop("lines", name), "at_least": 1}]
    given = {"when": name, "means": name, "do": name, "link": "x", "holds": holds, **fields}
    return Finding.model_validate({"id": name, **given})


PERSON = {"judged": "person", "holds": []}
LAST = row("none", otherwise=True, holds=[])


def diagnosis(*rows: Finding, **texts: str | None) -> Diagnosis:
    runbook = RUNBOOK.model_copy(update={"diagnose": (*rows, LAST)})
    seen = tuple(Seen(look, "here", "true", text) for look, text in texts.items())
    return decide(runbook, seen, lambda fact: 0.0)


def test_the_first_row_that_holds_decides_and_others_are_named() -> None:
    found = diagnosis(row("a"), row("b"), row("c"), state="b c")
    assert (found.decides, found.also) == ("b", ("c",))


def test_where_none_holds_the_last_row_decides() -> None:
    assert diagnosis(row("a"), state="nothing").decides == "none"


@pytest.mark.parametrize("text", [None, "b"])
def test_a_row_that_could_not_be_ruled_out_leaves_it_open(text: str | None) -> None:
    found = diagnosis(row("a", look="other"), row("b"), state=text, other=None)
    assert found.decides is None
    assert "a" in found.words


def test_a_row_that_could_not_be_judged_after_the_first_that_holds_changes_nothing() -> None:
    assert diagnosis(row("a"), row("b", look="other"), state="a", other=None).decides == "a"


def test_a_row_for_a_person_before_the_one_that_decides_is_named() -> None:
    found = diagnosis(row("a", **PERSON), row("b"), state="b")
    assert (found.decides, found.first_judge) == ("b", ("a",))


def test_where_only_a_person_can_judge_nothing_is_decided() -> None:
    found = diagnosis(row("a", **PERSON), state="nothing")
    assert found.decides is None
    assert "a person must judge a" in found.words
