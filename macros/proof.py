"""The proof run: for each check, how the documented thing was broken, and what the check said."""

from collections import Counter
from typing import NamedTuple

from macros.context import Context, names
from macros.escape import fill
from scaling_guide.model.kill_matrix import Deletion, KillMatrix, Mutant


class Killed(NamedTuple):
    """A check each of whose mutants was killed."""

    label: str
    target: str
    mutants: tuple[Mutant, ...]
    total: int


def report(site: Context) -> str:
    """What is not proven first, then every mutant, every line that was left out, every fault."""
    proof = site.known.proof
    if proof is None:
        return "No proof run is recorded in this build, so nothing on this page is known yet."
    facts = site.guide.facts
    deletions = Counter(
        "refused" if deletion.refused else "unnoticed" if deletion.unnoticed else "noticed"
        for deletion in proof.deletions
    )
    other, killed = _mutants(site, proof)
    unproven = [fact for fact in facts.values() if not proof.proves(fact.id)]
    return "\n\n".join(
        [
            fill("proof/summary", site=site, proof=proof, unproven=unproven, facts=len(facts)),
            "## Each fact, broken",
            fill("proof/mutants", site=site, other=other, killed=killed),
            "## Each line, left out",
            fill("proof/deletions", counts=deletions, each=proof.each, unnoticed=_unnoticed(site, proof)),
            "## The environment, at fault",
            fill("proof/faults", proof=proof),
        ]
    )


def _mutants(
    site: Context, proof: KillMatrix
) -> tuple[dict[str, tuple[Mutant, ...]], dict[str, list[Killed]]]:
    """The checks that are not proven, by name, and under the title of their page those that are."""
    other: dict[str, tuple[Mutant, ...]] = {}
    killed: dict[str, list[Killed]] = {}
    for name, mutants in proof.mutants.items():
        fact = site.guide.facts.get(name.partition("@")[0])
        if fact is None or not mutants or not all(mutant.killed for mutant in mutants):
            other[name] = mutants
            continue
        title = site.guide.title(fact.topic) if fact.topic else site.guide.runbooks[fact.runbook or ""].title
        check = Killed(f"{names(fact.systems)}: {fact.label}", name.partition("@")[2], mutants, len(mutants))
        killed.setdefault(title, []).append(check)
    return other, killed


def _unnoticed(site: Context, proof: KillMatrix) -> list[tuple[Deletion, list[str]]]:
    """Each line that nobody would miss, and why `data/unnoticed.yml` accepts that."""
    return [
        (deletion, [argument.because for argument in deletion.arguments(site.guide)])
        for deletion in proof.deletions
        if deletion.unnoticed
    ]
