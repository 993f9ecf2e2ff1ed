"""What a run leaves behind: results.json, junit.xml, summary.md and metrics.prom."""

import os
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from xml.etree import ElementTree

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from scaling_guide.model.outcome import Outcome
from scaling_guide.model.results import CheckResult, Run

_SKIPPED = frozenset({Outcome.NOT_APPLICABLE, Outcome.WAIVED})


def results_json(run: Run) -> str:
    """The run as JSON, the model for every other report."""
    return run.text()


def junit_xml(run: Run) -> str:
    """The run as JUnit XML. A failure names file and line of the documented value, for CI to link to."""
    suite = ElementTree.Element("testsuite", name=f"guide verify {run.environment}", timestamp=run.started)
    tally = {"failures": 0, "errors": 0, "skipped": 0}
    for result in run.results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=(result.topic or f"runbooks/{result.runbook}").replace("/", "."),
            name=f"{result.id}@{result.target}",
            time=f"{result.seconds:.3f}",
            file=result.source["file"],
            line=str(result.source["line"]),
        )
        if result.outcome is Outcome.PASS:
            continue
        kind = "failure" if result.outcome is Outcome.FAIL else "error"
        kind = "skipped" if result.outcome in _SKIPPED else kind
        tally[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
        detail = ElementTree.SubElement(case, kind, type=result.outcome, message=result.message)
        detail.text = explanation(result)
    suite.attrib |= {"tests": str(len(run.results)), **{name: str(count) for name, count in tally.items()}}
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def summary_md(run: Run) -> str:
    """The run as Markdown, for a job summary: the counts, then every check that did not pass."""
    lines = [f"# {run.environment}: {verdict(run)}", "", f"Tier {run.tier}, finished {run.finished}.", ""]
    lines += ["| outcome | checks |", "|---|--:|"]
    lines += [f"| {outcome} | {count} |" for outcome, count in run.counts.items()]
    rest = [result for result in run.results if result.outcome is not Outcome.PASS]
    if rest:
        lines += [
            "",
            "| check | target | outcome | expected | found | documented at |",
            "|---|---|---|---|---|---|",
        ]
    for result in rest:
        found = result.found if result.found is not None else "unknown"
        cells = [f"`{result.id}`", result.target, result.outcome, result.expected, found,
                 f"{result.source['file']}:{result.source['line']}"]  # fmt: skip
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    if run.findings:
        lines += ["", "What is past its date, and was used all the same:", ""]
        lines += [f"- {finding}" for finding in run.findings]
    return "\n".join(lines) + "\n"


def metrics_prom(run: Run) -> str:
    """The run in Prometheus's text format, for the node exporter's textfile collector."""
    registry = CollectorRegistry()
    labels = ["environment", "check", "target", "system", "severity", "outcome"]
    outcome = Gauge(
        "guide_check_outcome", "1 for the outcome that a check came to.", labels, registry=registry
    )
    observed = Gauge(
        "guide_check_observed_timestamp_seconds",
        "When the target was observed; a run about some checks leaves the others as they are.",
        ["environment", "check", "target"],
        registry=registry,
    )
    for result in run.results:
        outcome.labels(
            run.environment, result.id, result.target, result.system, result.severity, result.outcome
        ).set(1)
        observed.labels(run.environment, result.id, result.target).set(result.seen.timestamp())
    code = Gauge("guide_verify_exit_code", "Exit code of the last run.", ["environment"], registry=registry)
    code.labels(run.environment).set(run.exit_code)
    finished = Gauge(
        "guide_verify_finished_timestamp_seconds",
        "When the last run of all checks ended. Without a new one the other series stay as they are.",
        ["environment"],
        registry=registry,
    )
    finished.labels(run.environment).set(run.ended.timestamp())
    return generate_latest(registry).decode()


REPORTS: dict[str, Callable[[Run], str]] = {
    "results.json": results_json,
    "junit.xml": junit_xml,
    "summary.md": summary_md,
    "metrics.prom": metrics_prom,
}


# what goes on to be true after a run about some checks only
_LASTING = frozenset({"results.json", "metrics.prom"})


def write(run: Run, directory: Path, documented: Collection[str]) -> None:
    """Write every report into `directory`. A report is replaced whole or not at all. Raises OSError.

    Results and metrics keep what the last whole run there saw of the checks that `run` is not about, of those
    that are still `documented`, by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lasting = _lasting(run, directory, documented)
    for name, report in REPORTS.items():
        replace_file(directory / name, report(lasting if name in _LASTING else run))


def _lasting(run: Run, directory: Path, documented: Collection[str]) -> Run:
    """`run`, or the last whole run of its environment with these rows in place of its own."""
    try:
        last = Run.read(directory / "results.json")
    except (OSError, ValueError):
        return run
    is_base = last.whole and (last.environment, last.tier) == (run.environment, run.tier)
    return last.updated(run, documented) if is_base and not run.whole else run


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader, or a full disk, never meets half of it. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def explanation(result: CheckResult) -> str:
    """Everything someone needs who sees the check red: what, where it is documented, how to look by hand."""
    return "\n".join(
        [
            result.message,
            f"  setting    {result.setting}",
            f"  expected   {result.expected}",
            f"  found      {'unknown' if result.found is None else result.found}",
            f"  target     {result.target} ({result.system})",
            f"  documented {result.source['file']}:{result.source['line']}",
            f"  page       {result.page}",
            f"  by hand    {result.reproduce}",
        ]
    )


def verdict(run: Run) -> str:
    """The run in one line."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in run.counts.items())
    return f"{len(run.results)} checks: {counts or 'nothing selected'}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
