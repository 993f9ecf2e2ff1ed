"""The proof run: for each check, how the documented thing was broken, and what the check said."""

from collections import Counter

from macros.context import Context
from macros.escape import fill
from scaling_guide.model.kill_matrix import Deletion, KillMatrix


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
    unproven = [fact for fact in facts.values() if not proof.proves(fact.id)]
    return "\n\n".join(
        [
            fill("proof/summary", site=site, proof=proof, unproven=unproven, facts=len(facts)),
            "## Each fact, broken",
            fill("proof/mutants", site=site, proof=proof),
            "## Each line, left out",
            fill("proof/deletions", counts=deletions, each=proof.each, unnoticed=_unnoticed(site, proof)),
            "## The environment, at fault",
            fill("proof/faults", proof=proof),
        ]
    )


def _unnoticed(site: Context, proof: KillMatrix) -> list[tuple[Deletion, list[str]]]:
    """Each line that nobody would miss, and why `data/unnoticed.yml` accepts that."""
    return [
        (deletion, [argument.because for argument in deletion.arguments(site.guide)])
        for deletion in proof.deletions
        if deletion.unnoticed
    ]
