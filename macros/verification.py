"""What the last run against each environment found."""

from macros.context import Context
from macros.escape import fill
from macros.reports import OUTCOMES, age
from macros.svg import look, stacked
from scaling_guide.model.outcome import ExitCode
from scaling_guide.model.results import Run

EXIT_CODES = {
    ExitCode.VERIFIED: "everything selected was verified",
    ExitCode.DRIFT: "drift found",
    ExitCode.NOTHING_SELECTED: "nothing was selected",
    ExitCode.INCONCLUSIVE: "inconclusive: something could not be asked",
    ExitCode.NOTHING_VERIFIED: "nothing was verified",
}


def runs(site: Context) -> str:
    """The last run of each environment: its counts, then every check with what it expected and found."""
    last = site.known.runs
    if not last:
        return "No run is recorded in this build. `make verify` makes one and builds this site with it."
    return "\n\n".join(f"## {run.environment}\n\n{_run(site, run)}" for _, run in sorted(last.items()))


def _run(site: Context, run: Run) -> str:
    ordered = sorted(run.results, key=lambda check: (OUTCOMES.index(check.outcome), check.id, check.target))
    counts = {outcome: run.counts.get(outcome, 0) for outcome in OUTCOMES}
    words = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items() if count)
    bar = stacked(words, [(outcome, count, look(outcome).tone) for outcome, count in counts.items()])
    meaning = EXIT_CODES[run.exit_code]
    return fill(
        "verification/run", site=site, run=run, checks=ordered, words=words, bar=bar, meaning=meaning, age=age
    )
