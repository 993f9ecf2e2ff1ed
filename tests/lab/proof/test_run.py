"""The proof run: each mutant is brought about, judged, and shown to be gone again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.proof import run
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.gate import Gate
from scaling_guide.lab.proof.matrix import Kill, Proof, complaints
from scaling_guide.lab.proof.mutants import Mutant, named_mutants, value_mutants
from scaling_guide.lab.proof.progress import Progress
from scaling_guide.lab.proof.run import Course
from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import Fault
from scaling_guide.model.load import load
from tests.lab.proof.toy import Toy, lines, values
from tests.numbers import own_number
from tests.verify.observations import REPO
from tests.world import World


def mutant(
    name: str, breaks: str, reddens: str, sticks: bool = False, error: Exception | None = None
) -> Mutant:
    @asynccontextmanager
    async def applied(bench: Any) -> AsyncIterator[str]:
        await bench.restore()
        if error:
            raise error
        bench.current = bench.rendered(dict.fromkeys(breaks, 1))
        if sticks:
            bench.stuck |= set(breaks)
        yield f"broke {breaks}"

    return Mutant(name, "toy", frozenset(reddens), applied)


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Course]:
    """A course over a toy that is done."""

    def run_course(
        toy: Toy,
        values: Iterable[Mutant] = (),
        named: Iterable[Mutant] = (),
        lines: Iterable[Mutant] = (),
        each: bool = False,
    ) -> Course:
        async def no_fault(bench: Any) -> Fault:
            return Fault("server killed", "toy", ("http",), {"unreachable": 1}, 0.1)

        async def nothing() -> None:
            pass

        monkeypatch.setattr(run, "value_mutants", lambda bench: values)
        monkeypatch.setattr(run, "named_mutants", lambda bench: named)
        monkeypatch.setattr(run, "killed", no_fault)
        told: list[str] = []
        made = Course(toy, each, Progress(told.append))  # type: ignore[arg-type]
        made.lines = tuple(lines)
        asyncio.run(made.run(Gate(nothing)))
        assert made.progress.done == made.steps
        return made

    return run_course


@pytest.fixture
def kills(course: Callable[..., Course]) -> Callable[..., dict[str, Kill]]:
    def proven(toy: Toy, *mutants: Mutant) -> dict[str, Kill]:
        return {kill.id: kill for kill in course(toy, named=mutants).kills}

    return proven


def test_mutants_that_redden_their_checks_and_are_gone_with_the_next_are_killed(kills) -> None:
    found = kills(Toy("abc"), mutant("one", "a", "a"), mutant("two", "b", "b"), mutant("three", "bc", "bc"))
    assert {name: kill.killed for name, kill in found.items()} == {"one": True, "two": True, "three": True}
    assert found["one"].change == "broke a"


def test_two_mutants_of_one_check_in_a_row_are_both_shown_to_be_gone(kills) -> None:
    found = kills(Toy("abc"), mutant("one", "a", "a"), mutant("two", "a", "a"))
    assert all(kill.killed for kill in found.values())


def test_a_mutant_that_stays_is_not_restored(kills) -> None:
    found = kills(Toy("abc"), mutant("one", "a", "a", sticks=True), mutant("two", "b", "b"))
    assert (found["one"].only, found["one"].restored) == (True, False)
    # and it disturbs the one after
    assert found["two"].red == {"a", "b"}


def test_the_last_mutant_is_shown_to_be_gone_as_well(kills) -> None:
    found = kills(Toy("abc"), mutant("one", "a", "a"), mutant("two", "b", "b", sticks=True))
    assert (found["one"].restored, found["two"].restored) == (True, False)


def test_one_that_did_not_land_shows_nothing_of_the_one_before(kills) -> None:
    stays = mutant("one", "a", "a", sticks=True)
    found = kills(Toy("abc"), stays, mutant("two", "b", "b", error=DidNotLand("no")))
    assert not found["one"].restored


def test_a_mutant_that_nobody_notices_survives(kills) -> None:
    found = kills(Toy("abc"), mutant("one", "", "a"))
    assert (found["one"].landed, found["one"].red, found["one"].killed) == (True, frozenset(), False)


@pytest.mark.parametrize("error", [DidNotLand("no such line"), TimeoutError("too slow"), OSError("gone")])
def test_a_breakage_that_does_not_come_about_says_why_and_stops_nothing(kills, error: Exception) -> None:
    found = kills(Toy("abc"), mutant("one", "a", "a", error=error), mutant("two", "b", "b"))
    assert (found["one"].landed, found["one"].reason) == (False, f"{type(error).__name__}: {error}")
    assert found["two"].killed


FACTS = "abcdefghijklmnopqrst"


def test_values_and_lines_share_configurations_and_what_is_named_stands_alone(course) -> None:
    toy = Toy(FACTS)
    toy.unnoticed = "c"
    done = course(toy, values(FACTS), [mutant("named", "d", "d")], lines(FACTS))
    assert {kill.id: kill.together for kill in done.kills} == {
        **{f"{fact} = 1": 3 for fact in FACTS if fact != "c"},
        **{"c = 1": 0, "named": 0},
    }
    assert [kill.id for kill in done.kills if not kill.killed] == ["c = 1"]
    assert [one.text for one in done.deletions if one.unnoticed] == ["c = 0"]
    assert toy.looks < len(FACTS)


def test_each_stands_alone_where_that_is_wanted(course) -> None:
    toy = Toy(FACTS)
    done = course(toy, values(FACTS), (), lines(FACTS[:3]), each=True)
    assert [kill.together for kill in done.kills] == [0] * len(FACTS)
    assert all(kill.killed for kill in done.kills)
    assert toy.looks >= len(FACTS) + 3


def test_what_is_left_when_many_share_is_done_alone_and_each_is_told_once(course) -> None:
    toy = Toy(FACTS)
    toy.also = {"c": "q"}
    done = course(toy, values(FACTS))
    assert sorted(kill.id for kill in done.kills) == sorted(f"{fact} = 1" for fact in FACTS)
    assert {kill.id: kill.red for kill in done.kills if not kill.killed} == {"c = 1": {"c", "q"}}


def test_a_lab_that_is_not_green_to_begin_with_proves_nothing(guide: Guide, world: World, tmp_path) -> None:
    world.changes["haproxy", "backend app > retries"] = 99
    proving = run.prove(guide, guide.environments["lab"], Lab(42, tmp_path), Progress(print))
    with pytest.raises(DidNotLand, match="not green to begin with: haproxy-retries@haproxy fail"):
        asyncio.run(proving)


def test_a_lab_that_is_down_is_said_to_be(tmp_path) -> None:
    with own_number() as where:
        guide = load(REPO / "data", where.variables)
        proving = run.prove(guide, guide.environments["lab"], Lab(where.number, tmp_path), Progress(print),
                            targets=frozenset({"memcached"}))  # fmt: skip
        with pytest.raises(DidNotLand, match="start it with `guide lab up`"):
            asyncio.run(proving)


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
        patch.setattr(run, "stand_ins", no_faults)
        every_line = run.deletion_mutants
        patch.setattr(run, "deletion_mutants", lambda bench: islice(every_line(bench), 1))
        proving = run.prove(guide, guide.environments["lab"], live, Progress(print), targets=frozenset(NAMED))
        yield guide, asyncio.run(proving)


def test_real_mutants_are_killed_and_mended(small: tuple[Guide, Proof]) -> None:
    proof = small[1]
    by_target = {target: [kill for kill in proof.kills if kill.target == target] for target in NAMED}
    assert {target: len(kills) for target, kills in by_target.items()} == {"nginx": 3, "haproxy": 3}
    assert [kill for kill in proof.kills if not kill.killed] == []
    assert all(kill.change and kill.found for kill in proof.kills)
    assert {deletion.target for deletion in proof.deletions} == NAMED.keys()
    assert [fault for fault in proof.faults if not fault.honest] == []


def test_a_part_says_that_it_is_one_and_tells_of_nothing_else(small: tuple[Guide, Proof]) -> None:
    proof = small[1]
    assert set(proof.part) == NAMED.keys()
    assert {name.partition("@")[2] for name in proof.checks} == NAMED.keys()


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
