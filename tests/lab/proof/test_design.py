"""Mutants that share configurations: every one can be told from every other, and nothing else is believed."""

from collections.abc import Mapping
from itertools import permutations

import pytest

from scaling_guide.lab.proof.design import Evidence, Look, configurations, rounds

Effects = Mapping[str, str]
"""The checks that each mutant reddens alone, a letter each."""


def seen(
    effects: Effects, more: Mapping[str, str] | None = None, hide: Mapping[str, str] | None = None
) -> Evidence:
    """What is seen of the mutants; pairs in `more` redden more checks, pairs in `hide` keep some green."""
    looks = []
    for group in configurations([*effects]):
        red = {check for mutant in group for check in effects[mutant]}
        for pairs, act in ((more or {}, red.update), (hide or {}, red.difference_update)):
            for pair, checks in pairs.items():
                if set(pair) <= set(group):
                    act(checks)
        looks.append(Look(frozenset(group), frozenset(red)))
    return Evidence(looks)


@pytest.mark.parametrize("count", [*range(1, 25), 44, 70, 71, 200])
def test_of_any_two_each_is_in_a_configuration_without_the_other(count: int) -> None:
    groups = [set(group) for group in configurations(range(count))]
    for one, other in permutations(range(count), 2):
        assert any(one in group and other not in group for group in groups)


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (4, 4), (6, 4), (10, 5), (20, 6), (44, 8), (70, 8)])
def test_it_takes_few_configurations_to_tell_many_apart(count: int, needed: int) -> None:
    assert len(configurations(range(count))) == needed


def test_what_clashes_is_in_different_rounds_and_the_order_is_kept() -> None:
    groups = rounds(["a1", "b1", "a2", "b2", "c1", "a3"], lambda one, other: one[0] == other[0])
    assert groups == [["a1", "b1", "c1"], ["a2", "b2"], ["a3"]]


SIX = {"p": "a", "q": "b", "r": "cd", "s": "e", "t": "f", "u": ""}


def test_each_check_is_ascribed_to_the_mutant_that_reddens_it() -> None:
    evidence = seen(SIX)
    for mutant, own in SIX.items():
        for check in "abcdefg":
            assert evidence.reddens(mutant, check) is (check in own)
            assert evidence.leaves(mutant, check) is (check not in own)
    assert evidence.suspects == frozenset()


def test_a_check_that_could_not_look_is_disturbed_and_not_red() -> None:
    looks = [Look(look.mutants, look.red - {"a"}, look.red & {"a"}) for look in seen(SIX).looks]
    evidence = Evidence(looks)
    assert evidence.disturbs("p", "a")
    assert not evidence.reddens("p", "a")
    assert not evidence.leaves("p", "a")


def test_a_check_that_a_mutant_should_not_redden_is_not_left_alone_by_it() -> None:
    evidence = seen({**SIX, "u": "x"})
    assert [mutant for mutant in SIX if not evidence.leaves(mutant, "x")] == ["u"]


@pytest.mark.parametrize("pair", [*permutations(SIX, 2)])
def test_two_that_do_more_together_bring_everyone_in_their_looks_under_suspicion(
    pair: tuple[str, str],
) -> None:
    evidence = seen(SIX, more={"".join(pair): "x"})
    assert not any(evidence.reddens(mutant, "x") for mutant in SIX)
    both = [look for look in evidence.looks if set(pair) <= look.mutants]
    assert evidence.suspects == frozenset().union(*(look.mutants for look in both))
    assert [evidence.unexplained(look) for look in both] == [{"x"}] * len(both)


@pytest.mark.parametrize("hider", "qrstu")
def test_a_mutant_that_another_hides_is_not_said_to_redden_anything(hider: str) -> None:
    evidence = seen(SIX, hide={f"p{hider}": "a"})
    together = any({"p", hider} <= look.mutants for look in evidence.looks)
    assert evidence.reddens("p", "a") is not together


def test_what_a_red_look_owes_to_is_not_guessed_where_two_could_have_done_it() -> None:
    one_look = Evidence([Look(frozenset("pq"), frozenset("a"))])
    assert not one_look.reddens("p", "a")
    assert not one_look.leaves("p", "a")


def test_of_a_mutant_that_was_never_there_nothing_is_said() -> None:
    evidence = seen(SIX)
    assert (evidence.reddens("z", "a"), evidence.leaves("z", "a")) == (False, False)
