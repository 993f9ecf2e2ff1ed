"""Rules that no data breaks as long as the engine is right, tried on an engine that is not."""

from typing import Any

import pytest

from scaling_guide.model.expectation import Expectation, Undetermined
from tests.model.conftest import GOOD, look

NOTHING = [None, "", [], Undetermined("too little data"), Undetermined("no member", empty=True)]


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
def test_every_expectation_is_tried_on_nothing_and_on_an_empty_population(
    monkeypatch: pytest.MonkeyPatch, nothing: Any
) -> None:
    def credulous(self: Expectation, found: Any) -> bool:
        return found == nothing or meets(self, found)

    meets = Expectation._meets
    monkeypatch.setattr(Expectation, "_meets", credulous)
    monkeypatch.setattr(Expectation, "_is_unknown", lambda self, found: False)
    guide, problems = look(GOOD)
    assert guide is not None
    told = {problem.message.partition(" ")[0] for problem in problems if problem.code == "GREEN_ON_NOTHING"}
    assert told == guide.facts.keys()
