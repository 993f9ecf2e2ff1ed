"""`guide verify`: an environment against the guide."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.text import Text

from scaling_guide.cli import project
from scaling_guide.cli.console import errors, out, outcome_style
from scaling_guide.model.lab_layout import ENVIRONMENT, layout
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.results import CheckResult, Run
from scaling_guide.verify import plugin
from scaling_guide.verify.plugin import GuideSession
from scaling_guide.verify.reports import explanation, verdict

Names = list[str] | None


def verify(
    env: project.EnvironmentName,
    check: Annotated[Names, typer.Option(help="the id of a fact; may be repeated, as those below")] = None,
    topic: Annotated[Names, typer.Option(help="SECTION/TOPIC: what its page says")] = None,
    runbook: Annotated[Names, typer.Option(help="the id of a runbook: what its phases rely on")] = None,
    system: Annotated[Names, typer.Option(help="servers of this kind: nginx, postgres, redis, …")] = None,
    target: Annotated[Names, typer.Option(help="a server, as the environment names it")] = None,
    before: Annotated[
        bool, typer.Option("--before", help="with --runbook: its preconditions only, go or no-go")
    ] = False,
    number: project.LabNumber = None,
    out_dir: Annotated[Path, typer.Option("--out", help="directory for the reports")] = Path("build/verify"),
    retries: Annotated[int, typer.Option(help="observe again, so many times, before a red")] = 0,
    save: Annotated[Path | None, typer.Option(help="keep the observations in this file")] = None,
    replay: Annotated[Path | None, typer.Option(help="judge a saved file, contact nothing")] = None,
) -> None:
    """Hold the documented facts against an environment.

    Reads only. Whatever is not selected is not contacted.

    Exit codes: 0 all selected verified, 1 drift, 4 usage, 5 nothing selected, 10 inconclusive,
    11 nothing verified. `pytest checks --env NAME` is the same thing.
    """
    root = project.root()
    if env == ENVIRONMENT and not replay:
        _warn_if_down(number)
    selectors = {
        "check": check,
        "topic": topic,
        "runbook": runbook,
        "system": system,
        "target": target,
    }
    arguments = [f"--{name}={value}" for name, values in selectors.items() for value in values or ()]
    options = {"lab": number, "save": save and save.absolute(), "replay": replay and replay.absolute()}
    arguments += [f"--{name}={value}" for name, value in options.items() if value is not None]
    arguments += ["--before"] if before else []
    places = {
        "rootdir": root,
        "config-file": root / "pyproject.toml",
        "data": root / "data",
        "out": root / out_dir,
    }
    arguments += [f"--{name}={path}" for name, path in places.items()]
    # the project's own options are about its tests, and some need the terminal plugin
    arguments += ["--override-ini=addopts=--import-mode=importlib", "--assert=plain"]
    # nothing that is installed beside may slow down a look that somebody waits for
    arguments += ["--disable-plugin-autoload", f"-p{plugin.__name__}"]
    arguments += ["-pno:terminal", "-pno:cacheprovider", "-pno:unraisableexception"]
    # what somebody has set for tests of their own
    os.environ.pop("PYTEST_ADDOPTS", None)
    code = pytest.main(
        [str(root / "checks"), f"--env={env}", f"--retries={retries}", *arguments], plugins=[_Console(before)]
    )
    raise typer.Exit(int(code))


def _warn_if_down(number: int | None) -> None:
    # all that starts and stops a lab: a seventh of the start of a verification anywhere else
    from scaling_guide.lab import lifecycle

    if lifecycle.status(number).phase == "down":
        errors.print(f"lab {layout(number).number} is down: start it with `guide lab up`", style="bold red")


class _Console:
    """Says what a run is doing, what it found, and what that means."""

    def __init__(self, before: bool) -> None:
        self._before = before

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        guide_session = session.config.pluginmanager.get_plugin("guide-session")
        assert isinstance(guide_session, GuideSession)
        project.warn(guide_session.findings)
        errors.print(f"observing for {len(session.items)} checks …", style="dim", highlight=False)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            errors.print(str(report.longrepr), markup=False, highlight=False)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        guide_session = session.config.pluginmanager.get_plugin("guide-session")
        assert isinstance(guide_session, GuideSession)
        if guide_session.run is None:
            if session.exitstatus == ExitCode.INTERRUPTED:
                errors.print("interrupted: no reports were written")
            return
        run = guide_session.run
        for alike in _alike(run.results):
            _show(alike)
        out.print(_summary(run), highlight=False)
        if self._before:
            _go_or_no_go(run)
        errors.print(
            f"reports in {session.config.option.out}, exit code {run.exit_code}", style="dim", highlight=False
        )


def _alike(results: Iterable[CheckResult]) -> Iterable[list[CheckResult]]:
    """What is not green: each drift by itself, and together what could not be looked at for one reason."""
    found: dict[tuple[str, ...], list[CheckResult]] = {}
    for result in results:
        if result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE):
            continue
        own = (result.id, result.target) if result.found is not None else ()
        found.setdefault((result.outcome, result.message, *own), []).append(result)
    return found.values()


def _show(alike: Sequence[CheckResult]) -> None:
    first = alike[0]
    head, *rest = explanation(first).splitlines()
    if len(alike) > 1:
        rest = [
            f"  {len(alike)} checks  {', '.join(result.id for result in alike)}",
            f"  by hand    {first.reproduce}",
        ]
    out.print(Text(f"{first.outcome:<14}", style=outcome_style(first.outcome)) + Text(head))
    for line in rest:
        out.print(line, style="dim", markup=False, highlight=False)


def _summary(run: Run) -> Text:
    ok = run.exit_code == ExitCode.VERIFIED
    return Text(f"{run.environment}: {verdict(run)}", style="bold green" if ok else "bold red")


def _go_or_no_go(run: Run) -> None:
    if run.exit_code == ExitCode.VERIFIED:
        out.print("GO: every precondition holds", style="bold green")
        return
    unmet = [result for result in run.results if result.outcome not in (Outcome.PASS, Outcome.NOT_APPLICABLE)]
    named = ", ".join(f"{result.id}@{result.target} {result.outcome}" for result in unmet)
    out.print(f"NO-GO: {named or 'nothing was verified'}", style="bold red", highlight=False)
    if any(result.outcome is Outcome.WAIVED for result in unmet):
        out.print("a waiver accepts a drift for a while; this runbook relies on what was waived", style="red")
