"""What is broken: a value of every rendered fact at each boundary, every named mutation, every line."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import MUTATIONS
from scaling_guide.lab.proof.mutations.forms import without
from scaling_guide.model.facts import Fact
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.record import System
from scaling_guide.model.rules.facts import rendered_facts

Applied = Callable[[Bench], AbstractAsyncContextManager[str]]


@dataclass(frozen=True)
class Mutant:
    """One breakage of one target.

    `reddens` is the set of facts whose checks must go red, and no others. `applied` brings the breakage about
    and yields what changed, in words; it raises DidNotLand when the breakage did not come about.
    """

    id: str
    target: str
    reddens: frozenset[str]
    applied: Applied


def value_mutants(bench: Bench) -> Iterator[Mutant]:
    """The target's files rendered with each wrong value of each fact that its templates use.

    Mutants of one fact are kept apart, so that the one after shows that the one before is gone.
    """
    checked = {check.fact.id for check in bench.checks}
    rendered = rendered_facts(bench.guide.directory)
    wrong = {
        fact.id: wrong_values(fact.expectation(bench.environment.tier), fact.alternatives)
        for fact in bench.guide.facts.values()
        if fact.id in rendered and fact.id in checked
    }
    for round_ in range(max(map(len, wrong.values()), default=0)):
        for name, values in wrong.items():
            if round_ < len(values):
                yield _value_mutant(bench, bench.guide.facts[name], values[round_], checked)


def _value_mutant(bench: Bench, fact: Fact, value: Any, checked: set[str]) -> Mutant:
    @asynccontextmanager
    async def applied(bench: Bench) -> Any:
        texts = bench.rendered({fact.id: value})
        if texts == bench.pristine:
            raise DidNotLand(f"no template of {bench.target.system} shows {fact.id}")
        await bench.put(texts)
        yield changed(bench.pristine, texts)

    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    reddens = frozenset({fact.id, *fact.seen_by} & checked)
    return Mutant(f"{fact.id} = {shown}", bench.target.id, reddens, applied)


def named_mutants(bench: Bench) -> Iterator[Mutant]:
    """Every named mutation that facts of this target name; `without X` drops the lines that begin so."""
    reddens: dict[str, set[str]] = {}
    for check in bench.checks:
        for name in check.fact.mutations:
            reddens.setdefault(name, set()).add(check.fact.id)
    for name, facts in reddens.items():
        left_out = name.removeprefix("without ")
        applied = MUTATIONS.get((name, bench.target.system))
        if left_out != name:
            applied = without(re.escape(left_out) + r"\b.*")
        if applied is not None:
            yield Mutant(name, bench.target.id, frozenset(facts), applied)


def deletion_mutants(bench: Bench) -> Iterator[Mutant]:
    """The target's files with each line of their own left out. Which checks notice is what is asked."""
    for name, text in bench.pristine.items():
        if name.endswith(".sql"):
            # statements that were run once: without one of them nothing is undone
            continue
        lines = text.splitlines(keepends=True)
        for number, line in enumerate(lines):
            if _stands_alone(line, bench.target.system):
                texts = {**bench.pristine, name: "".join(lines[:number] + lines[number + 1 :])}
                yield Mutant(f"{name}:{number + 1} {line.strip()}", bench.target.id, frozenset(), _put(texts))


def _put(texts: Mapping[str, str]) -> Applied:
    @asynccontextmanager
    async def applied(bench: Bench) -> Any:
        await bench.put(texts)
        yield changed(bench.pristine, texts)

    return applied


def _stands_alone(line: str, system: System) -> bool:
    """Whether a line is a statement of its own: no comment, no brace, no section, no part of a longer one."""
    text = line.partition(" # ")[0].strip()
    if system is System.NGINX:
        return text.endswith(";") and text[0] not in "'}#" and not text.startswith("pid ")
    if system in (
        System.POSTGRES,
        System.PGBOUNCER,
        System.REDIS,
        System.SENTINEL,
        System.MEMCACHED,
        System.LINUX,
    ):
        return line[:1].isalpha() or line[:1] == "-"
    return line[:1].isspace() and bool(text) and not text.startswith("#")


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
