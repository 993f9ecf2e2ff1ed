"""The proof run: each mutant is brought about, judged, and shown to be gone again."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof import run
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.matrix import Kill, Proof, complaints
from scaling_guide.lab.proof.mutants import Mutant, named_mutants, value_mutants
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.record import System
from scaling_guide.verify.outcome import Outcome
from tests.verify.observations import REPO
from tests.world import World


class Toy:
    """A bench of three facts, each of which is red while its name is among `broken`."""

    def __init__(self) -> None:
        self.target = SimpleNamespace(id="toy", system=System.NGINX)
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.blind: set[str] = set()

    async def restore(self) -> None:
        self.broken = set(self.stuck)

    async def verify(self) -> dict[str, Any]:
        return {name: SimpleNamespace(id=name, outcome=self._outcome(name), message="") for name in "abc"}

    def _outcome(self, name: str) -> Outcome:
        if name in self.blind:
            return Outcome.TIMEOUT
        return Outcome.FAIL if name in self.broken else Outcome.PASS


def mutant(
    name: str, breaks: str, reddens: str, sticks: bool = False, error: Exception | None = None
) -> Mutant:
    @asynccontextmanager
    async def applied(bench: Any) -> AsyncIterator[str]:
        await bench.restore()
        if error:
            raise error
        bench.broken |= set(breaks)
        if sticks:
            bench.stuck |= set(breaks)
        yield f"broke {breaks}"

    return Mutant(name, "toy", frozenset(reddens), applied)


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch):
    def prove(toy: Toy, *mutants: Mutant) -> dict[str, Kill]:
        monkeypatch.setattr(run, "value_mutants", lambda bench: mutants[:1])
        monkeypatch.setattr(run, "named_mutants", lambda bench: mutants[1:])

        async def all_of_them() -> list[Kill]:
            return [kill async for kill in run._kills(toy, lambda line: None)]  # type: ignore[arg-type]

        return {kill.id: kill for kill in asyncio.run(all_of_them())}

    return prove


def test_mutants_that_redden_their_checks_and_are_gone_with_the_next_are_killed(kills) -> None:
    found = kills(Toy(), mutant("one", "a", "a"), mutant("two", "b", "b"), mutant("three", "bc", "bc"))
    assert {name: kill.killed for name, kill in found.items()} == {"one": True, "two": True, "three": True}
    assert found["one"].change == "broke a"


def test_two_mutants_of_one_check_in_a_row_are_both_shown_to_be_gone(kills) -> None:
    found = kills(Toy(), mutant("one", "a", "a"), mutant("two", "a", "a"))
    assert all(kill.killed for kill in found.values())


def test_a_mutant_that_stays_is_not_restored(kills) -> None:
    found = kills(Toy(), mutant("one", "a", "a", sticks=True), mutant("two", "b", "b"))
    assert (found["one"].only, found["one"].restored) == (True, False)
    # and it disturbs the one after
    assert found["two"].red == {"a", "b"}


def test_the_last_mutant_is_shown_to_be_gone_as_well(kills) -> None:
    found = kills(Toy(), mutant("one", "a", "a"), mutant("two", "b", "b", sticks=True))
    assert (found["one"].restored, found["two"].restored) == (True, False)


def test_a_mutant_that_nobody_notices_survives(kills) -> None:
    found = kills(Toy(), mutant("one", "", "a"))
    assert (found["one"].landed, found["one"].red, found["one"].killed) == (True, frozenset(), False)


def test_a_check_that_could_not_look_is_upset_and_not_red(kills) -> None:
    toy = Toy()
    toy.blind = {"c"}
    found = kills(toy, mutant("one", "a", "a"))
    assert (found["one"].red, found["one"].upset, found["one"].only) == ({"a"}, {"c"}, False)


@pytest.mark.parametrize("error", [DidNotLand("no such line"), TimeoutError("too slow"), OSError("gone")])
def test_a_breakage_that_does_not_come_about_says_why_and_stops_nothing(kills, error: Exception) -> None:
    found = kills(Toy(), mutant("one", "a", "a", error=error), mutant("two", "b", "b"))
    assert (found["one"].landed, found["one"].reason) == (False, f"{type(error).__name__}: {error}")
    assert found["two"].killed


def test_a_lab_that_is_not_green_to_begin_with_proves_nothing(guide: Guide, world: World, tmp_path) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    with pytest.raises(DidNotLand, match="not green to begin with: haproxy-retries@haproxy fail"):
        asyncio.run(run.prove(guide, guide.environments["lab"], Lab(42, tmp_path), lambda line: None))


# ------------------------------------------------------------------------------------------------ in the lab

NAMED = {"nginx": "reload-forgotten", "haproxy": "weight-half"}


@pytest.fixture(scope="module")
def small(live: Lab) -> Iterable[tuple[Guide, Proof]]:
    """A proof with two values, one mutation and one line of each load balancer."""
    guide = load(REPO / "data", live.variables)
    with pytest.MonkeyPatch.context() as patch:

        def few_values(bench: Bench) -> list[Mutant]:
            return list(islice(value_mutants(bench), 2)) if bench.target.id in NAMED else []

        def few_names(bench: Bench) -> list[Mutant]:
            return [one for one in named_mutants(bench) if one.id == NAMED.get(bench.target.id)]

        async def no_faults(*_: Any) -> list[Any]:
            return []

        patch.setattr(run, "value_mutants", few_values)
        patch.setattr(run, "named_mutants", few_names)
        patch.setattr(run, "run_faults", no_faults)
        every_line = run.deletion_mutants
        patch.setattr(run, "deletion_mutants", lambda bench: islice(every_line(bench), 1))
        yield guide, asyncio.run(run.prove(guide, guide.environments["lab"], live, lambda line: None))


def test_real_mutants_are_killed_and_mended(small: tuple[Guide, Proof]) -> None:
    proof = small[1]
    by_target = {target: [kill for kill in proof.kills if kill.target == target] for target in NAMED}
    assert {target: len(kills) for target, kills in by_target.items()} == {"nginx": 3, "haproxy": 3}
    assert [kill for kill in proof.kills if not kill.killed] == []
    assert all(kill.change and kill.found for kill in proof.kills)
    assert {deletion.target for deletion in proof.deletions} >= NAMED.keys()


def test_the_lab_is_green_and_as_documented_afterwards(small: tuple[Guide, Proof], live: Lab) -> None:
    guide, proof = small
    assert proof.healthy
    assert lifecycle.status(live.number).is_ready
    for target in NAMED:
        bench = Bench(guide, guide.environments["lab"], guide.environments["lab"].targets[target], live)
        on_disk = {name: (bench.directory / name).read_text() for name in bench.pristine}
        assert on_disk == bench.pristine


def test_what_was_not_broken_is_not_proven(small: tuple[Guide, Proof]) -> None:
    guide, proof = small
    proven = {fact for kill in proof.kills for fact in kill.expected}
    assert {name.partition("@")[0] for name in proof.unproven} == {
        name.partition("@")[0] for name in proof.checks
    } - proven
    assert any("no mutant; render it in a template" in line for line in complaints(proof, guide))
