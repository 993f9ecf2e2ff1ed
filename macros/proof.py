"""The kill matrix: for each check, the ways in which the documented thing was broken, and what happened."""

from macros.context import Context
from macros.escape import fill


def matrix(site: Context) -> str:
    """Every check with its mutants; a check that no mutant has turned red is named first."""
    proof = site.known.proof
    if proof is None:
        return "No proof run is recorded in this build, so nothing on this page is known yet."
    unproven = [id for id in site.guide.facts if not any(mutant.killed for mutant in proof.get(id, ()))]
    mutants = [mutant for each in proof.values() for mutant in each]
    return fill(
        "proof/matrix",
        site=site,
        proof=proof,
        unproven=unproven,
        mutants=len(mutants),
        killed=sum(mutant.killed for mutant in mutants),
    )
