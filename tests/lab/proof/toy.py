"""A bench without a server: a check for each line of its file, red while the line is otherwise or gone."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaling_guide.lab.driver import Driver
from scaling_guide.lab.proof.bench import DidNotLand
from scaling_guide.lab.proof.mutants import Change, Mutant, changing
from scaling_guide.model.outcome import Outcome


class Toy:
    """`also` has further facts that go red with one; with a fact of `refused` it does not run, with one of
    `blinding` nothing can be seen. `flickering` are red at the next look alone, `stuck` from now on."""

    def __init__(self, facts: str) -> None:
        self.facts = facts
        self.driver = Driver()
        self.failures = (DidNotLand,)
        self.target: Any = SimpleNamespace(id="toy", system="nginx", role=None, config="/toy/file")
        self.guide: Any = SimpleNamespace(unnoticed=(), directory=Path("nowhere"))
        self.checks = [SimpleNamespace(fact=SimpleNamespace(id=fact)) for fact in facts]
        self.pristine = self.rendered({})
        self.current = self.pristine
        self.patience: float | None = None
        self.also: Mapping[str, str] = {}
        self.unnoticed = self.refused = self.blinding = ""
        self.flickering: set[str] = set()
        self.stuck: set[str] = set()
        self.looks = 0

    def rendered(self, values: Mapping[str, Any]) -> dict[str, str]:
        return {"file": "".join(f"{fact} = {values.get(fact, 0)}\n" for fact in self.facts)}

    def restarts(self, texts: Mapping[str, str]) -> bool:
        return False

    @property
    def broken(self) -> set[str]:
        lines = self.current["file"].splitlines()
        return {fact for fact in self.facts if f"{fact} = 0" not in lines}

    async def put(self, texts: Mapping[str, str]) -> None:
        before, self.current = self.current, dict(texts)
        if self.broken & set(self.refused):
            self.current = before
            raise DidNotLand("refused")

    @asynccontextmanager
    async def tried(self, texts: Mapping[str, str], seconds: float) -> AsyncIterator[Exception | None]:
        try:
            await self.put(texts)
        except DidNotLand as error:
            yield error
        else:
            yield None

    async def restore(self) -> None:
        self.current = self.pristine

    async def verify(self, only: Collection[str] = ()) -> dict[str, Any]:
        self.looks += 1
        asked = [fact for fact in self.facts if not only or fact in only]
        red = (self.broken - set(self.unnoticed)) | self.stuck | self.flickering
        red |= {other for fact in self.broken for other in self.also.get(fact, "")}
        self.flickering = set()
        if self.broken & set(self.blinding):
            return {fact: _row(fact, Outcome.UNREACHABLE) for fact in asked}
        return {fact: _row(fact, Outcome.FAIL if fact in red else Outcome.PASS) for fact in asked}


def _row(fact: str, outcome: Outcome) -> Any:
    return SimpleNamespace(id=fact, outcome=outcome, message=f"{fact} is {outcome}")


def values(facts: Iterable[str]) -> list[Mutant]:
    """A mutant of the value of each fact."""
    return [_mutant(f"{fact} = 1", {fact}, Change({fact: 1})) for fact in facts]


def lines(facts: str) -> list[Mutant]:
    """A mutant for each line, left out."""
    return [
        _mutant(f"file:{number} {fact} = 0", {fact}, Change(lines=frozenset({("file", number)})))
        for number, fact in enumerate(facts, start=1)
    ]


def _mutant(id: str, reddens: set[str], change: Change) -> Mutant:
    return Mutant(id, "toy", frozenset(reddens), changing(change), change=change)
