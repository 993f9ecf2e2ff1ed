"""The kill matrix: for every check, the mutants that should turn it red, and what they did."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scaling_guide.model.guide import Guide
from scaling_guide.model.kill_matrix import Deletion, Fault, KillMatrix, Mutant, Proven, Totals
from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import CheckResult
from scaling_guide.model.topics import Unnoticed

QUIET = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.WAIVED})


@dataclass(frozen=True)
class Kill:
    """What a mutant did.

    `landed` says that the breakage came about, `change` what it was and `reason` why it did not. `red` are
    the facts that failed, `upset` those that were neither green nor red. `only` holds when exactly the
    expected checks went red; `restored` when they were green again afterwards. `together` counts the
    configurations that it shared with others, see `design`; a mutant that stood alone shared none. `unsteady`
    are the checks that were otherwise at a first look, and as they should be at a second.
    """

    id: str
    target: str
    expected: frozenset[str]
    landed: bool
    change: str = ""
    reason: str = ""
    red: frozenset[str] = frozenset()
    upset: frozenset[str] = frozenset()
    found: str = ""
    restored: bool = False
    seconds: float = 0.0
    together: int = 0
    unsteady: frozenset[str] = frozenset()

    @property
    def only(self) -> bool:
        """Whether exactly the expected checks went red, and nothing else was disturbed."""
        return self.landed and self.red == self.expected and not self.upset

    @property
    def mutant(self) -> Mutant:
        """The kill as a row of `kill-matrix.json`."""
        return Mutant(
            id=self.id,
            landed=self.landed,
            red=bool(self.red),
            only=self.only,
            restored=self.restored,
            seconds=round(self.seconds, 3),
            together=self.together,
            change=self.change,
            found=self.found,
            reason=self.reason,
        )

    @property
    def killed(self) -> bool:
        return self.mutant.killed


def judged(kill: Kill, results: Iterable[CheckResult]) -> Kill:
    """`kill` with what the checks said while the breakage was there."""
    rows = list(results)
    red = frozenset(row.id for row in rows if row.outcome is Outcome.FAIL)
    upset = frozenset(row.id for row in rows if row.outcome not in {*QUIET, Outcome.FAIL})
    found = next((row.message for row in rows if row.id in kill.expected and row.id in red), "")
    return replace(kill, red=red, upset=upset, found=found)


def said(target: str, results: Iterable[CheckResult]) -> Kill:
    """What the checks said of a target of which nothing was expected."""
    return judged(Kill("", target, frozenset(), True), results)


@dataclass(frozen=True)
class Proof:
    """A proof run. `checks` are the names (fact@target) that had to be proven.

    `each` says that every mutant and every line stood alone; `part` names the targets where not all were
    asked about. `unsteady` are the names of checks that changed their mind between two looks at the same.
    """

    checks: tuple[str, ...]
    kills: tuple[Kill, ...]
    deletions: tuple[Deletion, ...]
    faults: tuple[Fault, ...]
    started: str
    finished: str
    seconds: float
    healthy: bool
    each: bool = False
    part: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()

    def kills_of(self, name: str) -> tuple[Kill, ...]:
        """The mutants that were to turn the check `fact@target` red."""
        fact, _, target = name.partition("@")
        return tuple(kill for kill in self.kills if kill.target == target and fact in kill.expected)

    def unargued(self, guide: Guide) -> tuple[Deletion, ...]:
        """Lines whose loss no check notices, and which `data/unnoticed.yml` does not argue."""
        return tuple(one for one in self.deletions if one.unnoticed and not one.arguments(guide))

    def overargued(self, guide: Guide) -> tuple[Unnoticed, ...]:
        """What `data/unnoticed.yml` argues although a check notices it, or although there is no such line.

        A part of the proof knows nothing of that: the line may be another target's.
        """
        used = [argument for one in self.deletions if one.unnoticed for argument in one.arguments(guide)]
        return () if self.part else tuple(each for each in guide.unnoticed if each not in used)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Checks that no mutant was shown to turn red."""
        return tuple(name for name in self.checks if not any(kill.killed for kill in self.kills_of(name)))

    @property
    def survivors(self) -> tuple[Kill, ...]:
        """Mutants that did not land, were not noticed, or disturbed other checks."""
        return tuple(kill for kill in self.kills if not kill.killed)

    @property
    def published(self) -> KillMatrix:
        """The proof as `kill-matrix.json` has it."""
        checks = tuple(
            Proven(name, tuple(kill.mutant for kill in self.kills_of(name))) for name in self.checks
        )
        return KillMatrix(
            started=self.started,
            finished=self.finished,
            seconds=round(self.seconds, 1),
            each=self.each,
            part=self.part,
            unsteady=self.unsteady,
            checks=checks,
            deletions=self.deletions,
            faults=self.faults,
            totals=Totals(
                checks=len(self.checks),
                proven=len(self.checks) - len(self.unproven),
                mutants=len(self.kills),
                killed=sum(kill.killed for kill in self.kills),
            ),
        )


def complaints(proof: Proof, guide: Guide) -> list[str]:
    """What keeps the proof from holding, each with its repair."""
    lines = []
    for name in proof.unproven:
        fact = guide.facts[name.partition("@")[0]]
        if not proof.kills_of(name):
            lines.append(
                f"{fact.at} {name}: no mutant; render it in a template or name `mutations` that break it"
            )
        else:
            lines.append(
                f"{fact.at} {name}: no mutant turned it red; the check cannot fail or looks elsewhere"
            )
    for kill in proof.survivors:
        if not kill.landed:
            lines.append(f"{kill.target}: `{kill.id}` did not land: {kill.reason}")
        elif not kill.only:
            seen = ", ".join(sorted(kill.red | kill.upset)) or "nothing"
            wanted = ", ".join(sorted(kill.expected))
            lines.append(f"{kill.target}: `{kill.id}` disturbed {seen}, expected {wanted}; see `seen_by`")
        else:
            lines.append(f"{kill.target}: `{kill.id}` was still red after it was mended")
    for fault in proof.faults:
        if not fault.honest:
            lines.append(f"{fault.target}: {fault.id}: {fault.outcomes}; a check claimed to know")
    for deletion in proof.unargued(guide):
        place = f"{deletion.target}: {deletion.file}:{deletion.line}"
        lines.append(f"{place} `{deletion.text}`: no check notices when it is gone; add one, or argue it")
    for argument in proof.overargued(guide):
        lines.append(f"{argument.at} `{argument.line}` is argued, and noticed or not there; drop the entry")
    if not proof.healthy:
        lines.append("the lab was not green after the proof")
    return lines
