"""Looks at one target: with one mutant, with several in one configuration, and with a line left out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain
from operator import add

from scaling_guide.lab.proof.bench import Bench, whole
from scaling_guide.lab.proof.design import Evidence, Look, configurations, rounds
from scaling_guide.lab.proof.matrix import Kill, judged, said
from scaling_guide.lab.proof.mutants import Change, Mutant, changed, changing
from scaling_guide.model.kill_matrix import Deletion
from scaling_guide.model.results import CheckResult
from scaling_guide.model.rules.facts import rendered_facts

# what a server needs that starts at all; one that does not is looked at as it is
HURRY_SECONDS = 3.0
# a configuration in which more of the checks than this are red for no known reason tells nothing
_BLIND_SHARE = 0.25


# ---------------------------------------------------------------------------------------------- one alone


async def alone(bench: Bench, mutant: Mutant) -> Kill:
    """What the mutant does when nothing else is broken. Whatever keeps it from landing ends it alone.

    Where that is not what it should do, the checks are asked once more.
    """
    begun = time.monotonic()
    kill = Kill(mutant.id, mutant.target, mutant.reddens, landed=False)
    try:
        async with mutant.applied(bench) as change:
            kill = judged(replace(kill, landed=True, change=change), (await bench.verify()).values())
            if not kill.only:
                again = judged(kill, (await bench.verify()).values())
                kill = replace(again, unsteady=_disturbed(kill) ^ _disturbed(again)) if again.only else kill
    except Exception as error:
        kill = replace(kill, landed=False, reason=f"{type(error).__name__}: {error}")
    return replace(kill, seconds=time.monotonic() - begun)


async def left_out(bench: Bench, line: Mutant) -> Deletion:
    """Who notices that a line is gone, when nothing else is."""
    texts = _change(line).made(bench)
    begun = time.monotonic()
    async with bench.tried(texts, HURRY_SECONDS) as failure:
        refused = failure is not None and time.monotonic() - begun < HURRY_SECONDS
        noticed = frozenset() if refused else await _noticed(bench, line)
    if failure is not None and not refused and not noticed:
        # slow, or refused without a word
        try:
            await bench.put(texts)
            noticed = await _noticed(bench, line)
        except bench.failures:
            refused = True
    return _deletion(bench, line, refused, noticed)


async def _noticed(bench: Bench, line: Mutant) -> frozenset[str]:
    """The checks that are not green without a line. They are asked once more where none was expected."""
    noticed = _red(bench, await bench.verify())
    if not noticed or noticed & line.reddens:
        return noticed
    return _red(bench, await bench.verify(noticed))


def _red(bench: Bench, results: Mapping[str, CheckResult]) -> frozenset[str]:
    return _disturbed(said(bench.target.id, results.values()))


def _disturbed(kill: Kill) -> frozenset[str]:
    return kill.red | kill.upset


def _deletion(bench: Bench, line: Mutant, refused: bool, noticed: frozenset[str]) -> Deletion:
    ((file, number),) = _change(line).lines
    target = bench.target
    return Deletion(
        target=target.id,
        system=target.system,
        file=file,
        line=number,
        text=line.shown,
        refused=refused,
        noticed_by=tuple(sorted(noticed)),
        same_by_default=_is_default(bench, line),
    )


def _is_default(bench: Bench, line: Mutant) -> bool:
    """Whether the product does without a line what each fact that it is rendered from documents."""
    rendered = rendered_facts(bench.guide.directory)
    facts = [bench.guide.facts[name] for name in line.reddens if name in rendered]
    return bool(facts) and all(
        fact.is_default(bench.environment.tier, bench.target.version) for fact in facts
    )


def takes_restart(bench: Bench, mutant: Mutant) -> bool:
    """Whether what the mutant changes is read by the target at its start alone."""
    return bench.restarts(_change(mutant).made(bench))


def _change(mutant: Mutant) -> Change:
    assert mutant.change is not None
    return mutant.change


# ------------------------------------------------------------------------------------------ many together


@dataclass
class Together:
    """What was seen of several mutants of one target in common configurations.

    `refused` has the reason of each that the target would not run within `patience` seconds, or its own;
    `blinding` those that hide all others. Neither is in a configuration with others again. `unsteady` are the
    checks that were red for no known reason, and not when the same configuration was looked at again.
    `suspects` are those of the evidence, once all was seen.
    """

    bench: Bench
    patience: float | None = None
    evidence: Evidence = field(default_factory=Evidence)
    refused: dict[str, str] = field(default_factory=dict)
    blinding: set[str] = field(default_factory=set)
    unsteady: set[str] = field(default_factory=set)
    suspects: frozenset[str] = frozenset()

    async def see(self, mutants: Sequence[Mutant]) -> None:
        """Look at the mutants in as many configurations as tell them apart.

        Mutants whose checks overlap are told apart in turns, and those that take a restart apart from those
        that take none.
        """
        restarts = {each.id: takes_restart(self.bench, each) for each in mutants}

        def clash(one: Mutant, other: Mutant) -> bool:
            return bool(one.reddens & other.reddens) or restarts[one.id] != restarts[other.id]

        for group in rounds(mutants, clash):
            for configuration in configurations(group):
                await self._look(configuration)
        for look in [*self.evidence.looks]:
            if len(look.mutants) > 1 and (checks := self.evidence.unexplained(look)):
                await self._again(look, checks, mutants)
        # asked for each mutant, and a look at all looks
        self.suspects = self.evidence.suspects

    async def _again(self, look: Look, checks: frozenset[str], mutants: Sequence[Mutant]) -> None:
        """Take a look once more in which some checks were not green for no known reason."""
        self.evidence.looks.remove(look)
        await self._look([each for each in mutants if each.id in look.mutants])
        again = next((each for each in self.evidence.looks if each.mutants == look.mutants), None)
        if again is not None:
            self.unsteady |= checks - again.disturbed

    async def _look(self, mutants: Sequence[Mutant]) -> None:
        """Look at one configuration; where it is refused or blinds, at each half of it."""
        group = [each for each in mutants if each.id not in self.refused.keys() | self.blinding]
        if not group:
            return
        begun = time.monotonic()
        try:
            results = await whole(self._results(group))
        except self.bench.failures as error:
            if len(group) == 1:
                self.refused[group[0].id] = f"{type(error).__name__}: {error}"
            else:
                await self._halves(group)
            return
        kill = said(self.bench.target.id, results.values())
        ids = frozenset(each.id for each in group)
        messages = {name: results[name].message for name in kill.red}
        look = Look(ids, kill.red, kill.upset, messages, time.monotonic() - begun)
        expected = frozenset(chain.from_iterable(each.reddens for each in group))
        if len(look.disturbed - expected) > _BLIND_SHARE * len(results):
            if len(group) > 1:
                await self._halves(group)
                return
            self.blinding |= ids
        self.evidence.looks.append(look)

    async def _results(self, group: Sequence[Mutant]) -> Mapping[str, CheckResult]:
        self.bench.patience = self.patience
        try:
            async with changing(reduce(add, map(_change, group)))(self.bench):
                self.bench.patience = None
                return await self.bench.verify()
        finally:
            self.bench.patience = None

    async def _halves(self, group: Sequence[Mutant]) -> None:
        middle = len(group) // 2
        await self._look(group[:middle])
        await self._look(group[middle:])

    # -------------------------------------------------------------------------------------- what was shown

    def kill(self, mutant: Mutant) -> Kill | None:
        """What a mutant did; None where that can only be told with it alone."""
        kill = Kill(mutant.id, mutant.target, mutant.reddens, landed=False)
        if mutant.id in self.refused:
            return replace(kill, reason=self.refused[mutant.id])
        looks = self.evidence.of(mutant.id)
        single = next((look for look in looks if len(look.mutants) == 1), None)
        if single is not None:
            kill = replace(kill, red=single.red, upset=single.upset)
        elif mutant.id not in self.suspects and self._is_proven(mutant):
            kill = replace(kill, red=mutant.reddens)
        else:
            return None
        found = (look.messages[name] for look in looks for name in sorted(mutant.reddens & look.red))
        return replace(
            kill,
            landed=True,
            change=changed(self.bench.pristine, _change(mutant).made(self.bench)),
            found=next(found, ""),
            seconds=sum(look.seconds / len(look.mutants) for look in looks),
            together=sum(len(look.mutants) > 1 for look in looks),
        )

    def _is_proven(self, mutant: Mutant) -> bool:
        others = {check.fact.id for check in self.bench.checks} - mutant.reddens
        return all(self.evidence.reddens(mutant.id, check) for check in mutant.reddens) and all(
            self.evidence.leaves(mutant.id, check) for check in others
        )

    def deletion(self, line: Mutant) -> Deletion | None:
        """Who notices that a line is gone; None where that can only be told with it alone."""
        checks = {check.fact.id for check in self.bench.checks}
        noticed = frozenset(check for check in checks if self.evidence.disturbs(line.id, check))
        unnoticed = all(self.evidence.leaves(line.id, check) for check in checks)
        if line.id in self.refused.keys() | self.suspects or not (noticed or unnoticed):
            return None
        return _deletion(self.bench, line, False, noticed)
