"""Looks at mutants together: who can be told apart is, and whoever cannot is left to stand alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from scaling_guide.lab.layout import LabError
from scaling_guide.lab.proof import looks
from scaling_guide.lab.proof.looks import Together, alone
from scaling_guide.lab.proof.matrix import Kill
from scaling_guide.lab.proof.mutants import Mutant
from scaling_guide.model.kill_matrix import Deletion
from tests.lab.proof.toy import Toy, lines, values

FACTS = "abcdefghijklmnopqrst"


def seen(toy: Toy, mutants: list[Mutant]) -> Together:
    together = Together(toy)  # type: ignore[arg-type]
    asyncio.run(together.see(mutants))
    return together


def kills(toy: Toy) -> dict[str, Kill | None]:
    """What is told of a mutant of each value, by fact."""
    mutants = values(toy.facts)
    together = seen(toy, mutants)
    return dict(zip(toy.facts, map(together.kill, mutants), strict=True))


def deletions(toy: Toy) -> dict[str, Deletion | None]:
    mutants = lines(toy.facts)
    together = seen(toy, mutants)
    return dict(zip(toy.facts, map(together.deletion, mutants), strict=True))


def test_many_mutants_are_killed_in_few_looks() -> None:
    toy = Toy(FACTS)
    found = kills(toy)
    assert all(kill is not None and kill.only and kill.landed for kill in found.values())
    assert toy.looks == 6
    kill = found["c"]
    assert kill is not None
    assert (kill.red, kill.together, kill.found) == ({"c"}, 3, "c is fail")
    assert kill.change == "-c = 0\n+c = 1"


def test_few_mutants_stand_alone_at_once() -> None:
    toy = Toy("abc")
    found = kills(toy)
    assert [kill.together for kill in found.values() if kill] == [0, 0, 0]
    assert toy.looks == 3


def test_a_mutant_that_reddens_more_than_it_should_is_left() -> None:
    toy = Toy(FACTS)
    toy.also = {"c": "q"}
    found = kills(toy)
    assert found["c"] is None
    # so is whoever was never there while q was green, and whoever was is told
    assert all(kill.only for kill in found.values() if kill)
    assert sum(kill is not None for kill in found.values()) >= len(FACTS) // 2


def test_a_mutant_that_nobody_notices_is_left() -> None:
    toy = Toy(FACTS)
    toy.unnoticed = "c"
    assert [fact for fact, kill in kills(toy).items() if kill is None] == ["c"]


def test_a_mutant_that_is_refused_did_not_land_and_keeps_nobody_else_from_it() -> None:
    toy = Toy(FACTS)
    toy.refused = "c"
    found = kills(toy)
    kill = found.pop("c")
    assert kill is not None
    assert (kill.landed, kill.reason) == (False, "DidNotLand: refused")
    assert all(kill is not None and kill.only for kill in found.values())


def test_a_mutant_that_hides_all_others_is_taken_out() -> None:
    toy = Toy(FACTS)
    toy.blinding = "c"
    found = kills(toy)
    kill = found.pop("c")
    assert kill is not None
    assert (kill.only, kill.upset) == (False, set(FACTS))
    assert all(kill is not None and kill.only for kill in found.values())


def test_what_flickers_is_looked_at_again_and_told() -> None:
    toy = Toy(FACTS)
    toy.flickering = {"z"}
    toy.checks = [*toy.checks]
    toy.facts += "z"
    mutants = values(FACTS)
    together = seen(toy, mutants)
    assert together.unsteady == {"z"}
    assert all(kill is not None and kill.only for kill in map(together.kill, mutants))


def test_lines_are_noticed_by_their_own_checks_or_by_nobody() -> None:
    toy = Toy(FACTS)
    toy.unnoticed = "cd"
    found = deletions(toy)
    assert {fact for fact, one in found.items() if one and one.unnoticed} == {"c", "d"}
    assert all(
        one is not None and one.noticed_by == (fact,) for fact, one in found.items() if fact not in "cd"
    )
    assert found["e"] == Deletion("toy", "nginx", "file", 5, "e = 0", False, ("e",))


def test_a_line_without_which_it_does_not_run_is_left() -> None:
    toy = Toy(FACTS)
    toy.refused = "c"
    assert [fact for fact, one in deletions(toy).items() if one is None] == ["c"]


# ------------------------------------------------------------------------------------------------- alone


def told(toy: Toy, fact: str) -> Kill:
    (mutant,) = values(fact)
    return asyncio.run(alone(toy, mutant))  # type: ignore[arg-type]


def test_a_mutant_alone_is_killed_when_its_check_is_red_and_no_other() -> None:
    kill = told(Toy("abc"), "b")
    assert (kill.only, kill.red, kill.found, kill.together) == (True, {"b"}, "b is fail", 0)


def test_a_mutant_alone_that_disturbs_another_is_not() -> None:
    toy = Toy("abc")
    toy.also = {"b": "c"}
    assert (told(toy, "b").only, told(toy, "b").red) == (False, {"b", "c"})


def test_a_check_that_could_not_look_is_upset_and_not_red() -> None:
    toy = Toy("abc")
    toy.blinding = "b"
    kill = told(toy, "b")
    assert (kill.red, kill.upset, kill.only) == (set(), {"a", "b", "c"}, False)


def test_a_check_that_changes_its_mind_is_told() -> None:
    toy = Toy("abc")
    toy.flickering = {"c"}
    kill = told(toy, "b")
    assert (kill.only, kill.unsteady) == (True, {"c"})


@pytest.mark.parametrize("error", [TimeoutError("too slow"), OSError("gone"), KeyError("whatever")])
def test_whatever_goes_wrong_keeps_one_mutant_from_landing_and_says_why(
    error: Exception, monkeypatch
) -> None:
    async def fails(texts: Any) -> None:
        raise error

    toy = Toy("abc")
    monkeypatch.setattr(toy, "put", fails)
    kill = told(toy, "b")
    assert (kill.landed, kill.reason) == (False, f"{type(error).__name__}: {error}")


class Trying(Toy):
    """A bench whose server fails with `failure` at first, after some time where it is `slow`, and then takes
    what it is given, unless it is refused."""

    failure: Exception | None = None
    slow = False

    @asynccontextmanager
    async def tried(self, texts: Mapping[str, str], seconds: float) -> AsyncIterator[Exception | None]:
        if self.slow:
            await asyncio.sleep(seconds)
        before, self.current = self.current, dict(texts)
        yield self.failure
        if self.failure:
            self.current = before


@pytest.mark.parametrize(
    ("failure", "slow", "unnoticed", "refused", "told"),
    [
        (None, False, "", "", (False, ("b",))),
        (None, False, "b", "", (False, ())),
        (LabError("it ended"), False, "", "", (True, ())),
        # it hangs, and a check says why
        (TimeoutError("no link"), True, "", "", (False, ("b",))),
        # it hangs, and nobody knows: it is given all the time that it takes
        (TimeoutError("no link"), True, "b", "b", (True, ())),
        (TimeoutError("slow"), True, "b", "", (False, ())),
    ],
    ids=["noticed", "unnoticed", "refused at once", "hangs and noticed", "hangs for good", "merely slow"],
)
def test_a_line_left_out_alone(
    failure: Exception | None,
    slow: bool,
    unnoticed: str,
    refused: str,
    told: tuple[bool, tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(looks, "HURRY_SECONDS", 0.01)
    toy = Trying("abc")
    toy.failure, toy.slow, toy.unnoticed, toy.refused = failure, slow, unnoticed, refused
    found = asyncio.run(looks.left_out(toy, lines("abc")[1]))  # type: ignore[arg-type]
    assert (found.refused, found.noticed_by) == told


def test_who_alone_notices_a_line_for_a_moment_did_not_notice_it() -> None:
    toy = Trying("abc")
    toy.unnoticed, toy.flickering = "b", {"c"}
    found = asyncio.run(looks.left_out(toy, lines("abc")[1]))  # type: ignore[arg-type]
    assert found.noticed_by == ()


def test_a_line_that_another_check_notices_as_well_is_told_so() -> None:
    toy = Trying("abc")
    toy.also = {"b": "c"}
    found = asyncio.run(looks.left_out(toy, lines("abc")[1]))  # type: ignore[arg-type]
    assert found.noticed_by == ("b", "c")
