"""What is broken: a value of every rendered fact at each boundary, every named mutation, every line."""

import difflib
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import without
from scaling_guide.lab.proof.mutations import Applied, mutations_of, stops_of
from scaling_guide.model.facts import Fact
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.rules.facts import rendered_facts


@dataclass(frozen=True)
class Change:
    """What a mutant changes in the documented files: other values of facts, and lines that are left out.

    A line is a file's name and a number. Changes of several mutants add up, unless they are to one value.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    lines: frozenset[tuple[str, int]] = frozenset()

    def __add__(self, other: "Change") -> "Change":
        return Change({**self.values, **other.values}, self.lines | other.lines)

    def made(self, bench: Bench) -> dict[str, str]:
        """The target's files with the change made."""
        texts = bench.rendered(self.values) if self.values else bench.pristine
        return {name: _without(text, name, self.lines) for name, text in texts.items()}


def _without(text: str, name: str, lines: frozenset[tuple[str, int]]) -> str:
    numbered = enumerate(text.splitlines(keepends=True), start=1)
    return "".join(line for number, line in numbered if (name, number) not in lines)


@dataclass(frozen=True)
class Mutant:
    """One breakage of one target.

    `reddens` is the set of facts whose checks must go red, and no others. `applied` brings the breakage about
    and yields what changed, in words; it raises DidNotLand when the breakage did not come about. Mutants that
    are nothing but a `change` of files can share a configuration. One that `stops` a system takes away what
    that system serves to others.
    """

    id: str
    target: str
    reddens: frozenset[str]
    applied: Applied
    change: Change | None = None
    stops: bool = False

    @property
    def shown(self) -> str:
        """Of a line that is left out, its text."""
        return self.id.partition(" ")[2]


def changing(change: Change) -> Applied:
    """The target runs its files with the change made."""

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        texts = change.made(bench)
        if texts == bench.pristine:
            raise DidNotLand(f"no template of {bench.target.system} shows {', '.join(change.values)}")
        await bench.put(texts)
        yield changed(bench.pristine, texts)

    return applied


def value_mutants(bench: Bench) -> Iterator[Mutant]:
    """The target's files rendered with each wrong value of each fact that its templates use.

    Mutants of one fact are kept apart, so that the one after shows that the one before is gone.
    """
    wrong = wrong_values_of(bench)
    checked = {check.fact.id for check in bench.checks}
    for round_ in range(max(map(len, wrong.values()), default=0)):
        for name, values in wrong.items():
            if round_ < len(values):
                yield _value_mutant(bench, bench.guide.facts[name], values[round_], checked)


def wrong_values_of(bench: Bench) -> dict[str, tuple[Any, ...]]:
    """The wrong values of each fact that is checked here and that a template shows, by the fact's id."""
    checked = {check.fact.id for check in bench.checks}
    rendered = rendered_facts(bench.guide.directory)
    return {
        fact.id: wrong_values(fact.expectation(bench.environment.tier), fact.alternatives)
        for fact in bench.guide.facts.values()
        if fact.id in rendered and fact.id in checked
    }


def _value_mutant(bench: Bench, fact: Fact, value: Any, checked: set[str]) -> Mutant:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    change = Change({fact.id: value})
    return Mutant(
        f"{fact.id} = {shown}", bench.target.id, _seen(fact, checked), changing(change), change=change
    )


def _seen(fact: Fact, checked: set[str]) -> frozenset[str]:
    return frozenset({fact.id, *fact.seen_by} & checked)


def named_mutants(bench: Bench) -> Iterator[Mutant]:
    """Every named mutation that facts of this target name; `without X` drops the lines that begin so."""
    mutations, stops = mutations_of(bench.target.system), stops_of(bench.target.system)
    reddens: dict[str, set[str]] = {}
    for check in bench.checks:
        for name in check.fact.mutations:
            reddens.setdefault(name, set()).add(check.fact.id)
    for name, facts in reddens.items():
        left_out = name.removeprefix("without ")
        applied = mutations.get(name)
        if left_out != name:
            applied = without(re.escape(left_out) + r"\b.*")
        if applied is not None:
            yield Mutant(name, bench.target.id, frozenset(facts), applied, stops=name in stops)


def deletion_mutants(bench: Bench) -> Iterator[Mutant]:
    """The target's files with each line of their own left out. Which checks notice is what is asked.

    `reddens` has those from whose facts the line comes; a line may come from none.
    """
    shown = _shown(bench)
    for name, text in bench.pristine.items():
        if name.endswith(".sql"):
            # statements that were run once: without one of them nothing is undone
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if bench.driver.is_statement(line):
                place = (name, number)
                change = Change(lines=frozenset({place}))
                id_ = f"{name}:{number} {line.strip()}"
                facts = frozenset(shown.get(place, ()))
                yield Mutant(id_, bench.target.id, facts, changing(change), change=change)


def _shown(bench: Bench) -> dict[tuple[str, int], set[str]]:
    """For each line, by file and number, the facts that go red with a value that the line shows."""
    shown: dict[tuple[str, int], set[str]] = {}
    checked = {check.fact.id for check in bench.checks}
    for name, values in wrong_values_of(bench).items():
        for value in values:
            for place in _different(bench.pristine, bench.rendered({name: value})):
                shown.setdefault(place, set()).update(_seen(bench.guide.facts[name], checked))
    return shown


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """The lines of `before` that are otherwise or not at all in `after`."""
    for name, text in before.items():
        if name in after and text != after[name]:
            old, new = text.splitlines(), after[name].splitlines()
            same = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
            for tag, begin, end, _, _ in same:
                if tag != "equal":
                    yield from ((name, number) for number in range(begin + 1, end + 1))


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The lines that differ, as a diff without context."""
    lines = [
        line
        for name in after
        for line in difflib.unified_diff(
            before.get(name, "").splitlines(), after[name].splitlines(), lineterm="", n=0
        )
        if not line.startswith(("---", "+++", "@@"))
    ]
    return "\n".join(" ".join(line.split()) for line in lines)
