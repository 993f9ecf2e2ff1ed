"""What the last run against each environment found."""

from macros.context import Context
from macros.escape import fill
from macros.reports import OUTCOMES, age
from macros.svg import look, stacked
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.results import CheckResult, Run
from scaling_guide.model.topics import Topic

PAGE = "verification.md"

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
    passed: dict[str, tuple[str, str | None, list[CheckResult]]] = {}
    for check in ordered:
        if _is_as_documented(site, check):
            owner = check.topic or f"runbooks/{check.runbook}"
            passed.setdefault(anchor(owner), (*_owner(site, owner), []))[2].append(check)
    other = [check for check in ordered if not _is_as_documented(site, check)]
    counts = {outcome: run.counts.get(outcome, 0) for outcome in OUTCOMES}
    words = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items() if count)
    bar = stacked(words, [(outcome, count, look(outcome).tone) for outcome, count in counts.items()])
    return fill(
        "verification/run",
        site=site,
        run=run,
        passed=passed,
        other=other,
        words=words,
        bar=bar,
        meaning=EXIT_CODES[run.exit_code],
        age=age,
        is_old=lambda checks: any(age(check.seen) for check in checks),
    )


def _is_as_documented(site: Context, check: CheckResult) -> bool:
    return check.outcome is Outcome.PASS and check.id in site.guide.facts


def results(site: Context, topic: Topic) -> str | None:
    """The address of what was last found for a topic; None where no check of it passed in any run."""
    for _, run in sorted(site.known.runs.items()):
        if any(check.topic == topic.id and check.outcome is Outcome.PASS for check in run.results):
            return (
                site.links.to(PAGE, f"{run.environment}-{anchor(topic.id)}") if site.links.has(PAGE) else None
            )
    return None


def anchor(owner: str) -> str:
    """The id of what passed for a topic or a runbook, behind the name of the environment."""
    return owner.replace("/", "-")


def _owner(site: Context, owner: str) -> tuple[str, str | None]:
    """The title and the page of a topic or a runbook; no page where it is not documented any more."""
    page = f"{owner}.md"
    address = site.links.to(page) if site.links.has(page) else None
    name = owner.removeprefix("runbooks/")
    if owner in site.guide.topics:
        return site.guide.title(owner), address
    return (site.guide.runbooks[name].title if name in site.guide.runbooks else name), address
