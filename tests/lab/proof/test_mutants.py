"""What is broken: values at their boundaries, named mutations, and lines."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from scaling_guide.lab.proof import mutants
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutants import Mutant, deletion_mutants, named_mutants, value_mutants
from scaling_guide.lab.proof.mutations import mutations_of
from scaling_guide.model.guide import Guide
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.record import TIERS
from scaling_guide.model.rules.facts import rendered_facts
from scaling_guide.model.systems import systems
from tests.lab.proof.conftest import Still

LOAD_BALANCERS = ("nginx", "haproxy")
every_target = pytest.mark.parametrize("target", [*LOAD_BALANCERS, "app-1"])


def landed(bench: Bench, mutant: Mutant) -> str:
    """What a mutant changes on the bench's disk, in words. Raises DidNotLand where it changes nothing."""

    async def apply() -> str:
        bench.current = bench.pristine
        async with mutant.applied(bench) as change:
            assert bench.current != bench.pristine
            return change

    return asyncio.run(apply())


def of(mutants: Iterator[Mutant], fact: str) -> list[Mutant]:
    return [mutant for mutant in mutants if mutant.id.partition(" = ")[0] == fact]


# ---------------------------------------------------------------------------------------------------- values


@every_target
def test_every_rendered_fact_of_a_target_is_broken_at_each_boundary(
    still: Still, guide: Guide, target: str
) -> None:
    bench = still(target)
    checked = {check.fact.id for check in bench.checks}
    wanted = Counter(
        {
            name: len(wrong_values(guide.facts[name].expectation("medium"), guide.facts[name].alternatives))
            for name in rendered_facts(guide.directory)
            if name in checked
        }
    )
    assert Counter(mutant.id.partition(" = ")[0] for mutant in value_mutants(bench)) == wanted


@pytest.mark.parametrize("tier", TIERS)
@every_target
def test_every_wrong_value_reaches_the_file(still: Still, target: str, tier: Any) -> None:
    bench = still(target, tier)
    silent = []
    for mutant in value_mutants(bench):
        try:
            change = landed(bench, mutant)
        except DidNotLand as reason:
            silent.append(f"{mutant.id}: {reason}")
            continue
        assert change
    assert silent == []


def test_a_wrong_value_stands_next_to_the_documented_one(still: Still, guide: Guide) -> None:
    fact = guide.facts["haproxy-retries"]
    low, high = fact.value("medium")
    found = of(value_mutants(still("haproxy")), fact.id)
    assert [mutant.id for mutant in found] == [f"{fact.id} = {low - 1}", f"{fact.id} = {high + 1}"]
    assert [mutant.reddens for mutant in found] == [{fact.id}] * 2
    change = landed(still("haproxy"), found[0])
    assert change.splitlines() == [f"- retries {fact.used('medium')}", f"+ retries {low - 1}"]


def test_whoever_sees_the_same_value_is_expected_to_go_red_with_it(still: Still, guide: Guide) -> None:
    bench = still("haproxy")
    seen = [fact for fact in guide.facts.values() if fact.seen_by and of(value_mutants(bench), fact.id)]
    assert seen
    for fact in seen:
        here = {fact.id, *fact.seen_by} & {check.fact.id for check in bench.checks}
        assert {mutant.reddens for mutant in of(value_mutants(bench), fact.id)} == {frozenset(here)}


def test_a_value_that_no_template_shows_does_not_land(still: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = still("haproxy")
    monkeypatch.setattr(Bench, "rendered", lambda self, overrides: self.pristine)
    with pytest.raises(DidNotLand, match="no template of haproxy shows haproxy-retries"):
        landed(bench, of(value_mutants(bench), "haproxy-retries")[0])


def test_two_values_of_one_fact_are_kept_apart(still: Still) -> None:
    names = [mutant.id.partition(" = ")[0] for mutant in value_mutants(still("haproxy"))]
    assert [name for name, after in pairwise(names) if name == after] == []


# ----------------------------------------------------------------------------------------------------- names


def test_every_mutation_that_a_fact_names_can_be_done_to_one_of_its_systems(guide: Guide) -> None:
    unknown = [
        f"{fact.at} {fact.id}: {name}"
        for fact in guide.facts.values()
        for name in fact.mutations
        if not name.startswith("without ")
        and not any(name in mutations_of(system) for system in fact.systems)
    ]
    assert unknown == []


def test_every_mutation_is_named_by_a_fact_or_a_rehearsal(guide: Guide) -> None:
    named = {
        (name, system) for fact in guide.facts.values() for name in fact.mutations for system in fact.systems
    }
    procedures = (*guide.runbooks.values(), *guide.experiments.values())
    given = {
        name
        for procedure in procedures
        if procedure.rehearsal
        for scenario in procedure.rehearsal.scenarios.values()
        for name in scenario.given
    }
    assert [
        (name, system)
        for system in systems()
        for name in mutations_of(system)
        if (name, system) not in named and name not in given
    ] == []


@every_target
def test_every_check_has_a_mutant(still: Still, guide: Guide, target: str) -> None:
    bench = still(target)
    reddened = {fact for mutant in (*value_mutants(bench), *named_mutants(bench)) for fact in mutant.reddens}
    assert [check.name for check in bench.checks if check.fact.id not in reddened] == []


@pytest.fixture
def fake(still: Still) -> Any:
    """A bench of HAProxy where these facts name these mutations."""

    def bench(mutations: Mapping[str, tuple[str, ...]]) -> Bench:
        made = still("haproxy")
        made.checks = tuple(
            replace(
                check,
                fact=_named(check.fact, mutations.get(check.fact.id, ())),
            )
            for check in made.checks
        )
        return made

    return bench


def _named(fact: Any, mutations: tuple[str, ...]) -> Any:
    other = fact.model_copy(update={"mutations": mutations})
    other._id = fact.id
    return other


def test_a_mutation_that_facts_share_reddens_all_of_them(fake: Any) -> None:
    bench = fake({"haproxy-retries": ("weight-zero",), "haproxy-maxconn": ("weight-zero", "reload-failed")})
    assert {mutant.id: mutant.reddens for mutant in named_mutants(bench)} == {
        "weight-zero": {"haproxy-retries", "haproxy-maxconn"},
        "reload-failed": {"haproxy-maxconn"},
    }


def test_without_leaves_out_the_lines_that_begin_so_and_no_others(fake: Any) -> None:
    bench = fake({"haproxy-retries": ("without retries",)})
    (mutant,) = named_mutants(bench)
    assert (mutant.id, mutant.reddens) == ("without retries", {"haproxy-retries"})
    landed(bench, mutant)
    before = [line for text in bench.pristine.values() for line in text.splitlines()]
    after = [line for text in bench.current.values() for line in text.splitlines()]
    gone = Counter(before) - Counter(after)
    assert [line.split()[0] for line in gone.elements()] == ["retries"]
    assert len(after) == len(before) - 1


def test_without_a_line_that_is_not_there_does_not_land(fake: Any) -> None:
    bench = fake({"haproxy-retries": ("without no-such-option",)})
    (mutant,) = named_mutants(bench)
    with pytest.raises(DidNotLand, match="nothing in the file matches"):
        landed(bench, mutant)


def test_a_mutation_of_another_system_is_none_here(fake: Any) -> None:
    assert list(named_mutants(fake({"haproxy-retries": ("app-draining",)}))) == []


# ----------------------------------------------------------------------------------------------------- lines

NGINX = """\
# a comment;
worker_processes auto;
pid nginx.pid;

events {
    worker_connections 512; # why
    use epoll;
}
log_format long
    'one'
    'two';
"""
HAPROXY = """\
# a comment
global
    # another
    #tight
    maxconn 10

defaults
    mode http
"""


@pytest.mark.parametrize(
    ("target", "text", "lines"),
    [
        ("nginx", NGINX, ["worker_processes auto;", "worker_connections 512; # why", "use epoll;"]),
        ("haproxy", HAPROXY, ["maxconn 10", "mode http"]),
    ],
)
def test_only_statements_are_left_out_and_neither_comments_nor_braces_nor_sections(
    still: Still, target: str, text: str, lines: list[str]
) -> None:
    bench = still(target)
    bench.pristine = bench.current = {"file": text}
    found = list(deletion_mutants(bench))
    assert [mutant.id.partition(" ")[2] for mutant in found] == lines
    for mutant in found:
        number = int(mutant.id.partition(" ")[0].removeprefix("file:"))
        change = landed(bench, mutant)
        assert change.removeprefix("-").strip() == mutant.id.partition(" ")[2]
        assert bench.current == {"file": "".join(_without(text.splitlines(keepends=True), number))}


def _without(lines: list[str], number: int) -> list[str]:
    return lines[: number - 1] + lines[number:]


def test_the_words_for_a_change_are_its_lines() -> None:
    assert mutants.changed({"f": "a\n  b  c\n"}, {"f": "a\n  d\n"}) == "- b c\n+ d"
    assert mutants.changed({"f": "a\n"}, {"f": "a\n"}) == ""
