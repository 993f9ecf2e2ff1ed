"""The pytest plugin: `pytest checks --env NAME` collects the facts, observes once, judges many, and reports.

A test file holds no values. A function with the argument `check` runs once for each fact of its page and each
target: `checks/<section>/test_<topic>.py` for a topic, `checks/runbooks/test_<runbook>.py` for a runbook,
for every fact that one of its phases relies on, as `test_phase[PHASE:FACT@TARGET]`.

What is selected is known from the records and from the files that were named on the command line. A selected
check that no test judged ends as an error, whatever became of its test; `-k` and `--deselect` leave out.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.kept import load
from scaling_guide.model.lab_layout import NoSuchLab, layout
from scaling_guide.model.outcome import ExitCode, Outcome
from scaling_guide.model.problems import Invalid
from scaling_guide.model.results import CheckResult, Run
from scaling_guide.model.today import NoSuchDay, today
from scaling_guide.probes.observation import Failure, Result
from scaling_guide.probes.recording import ReplayError, replay, save
from scaling_guide.verify.check import Check, judge
from scaling_guide.verify.reports import explanation, verdict, write
from scaling_guide.verify.run import Need, Observations, judged_by, now, observe_for
from scaling_guide.verify.selection import Selection, every_check, runbook_checks, select, topic_checks

_PROPERTY = "check result"
# how a session ends that was not broken off by a person or a fault of pytest
_REPORTED = (
    *(pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED),
    pytest.ExitCode.INTERRUPTED,
)
_SELECTORS = {"check": "checks", "topic": "topics", "runbook": "runbooks", "system": "systems",
              "target": "targets"}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("guide", "hold the guide against an environment")
    group.addoption("--env", help="the environment, a name below data/environments")
    group.addoption("--lab", type=int, default=None, help="the lab's number, where --env is lab")
    group.addoption("--out", default="build/verify", help="directory for the reports")
    group.addoption("--data", default="data", help="directory of the guide's data")
    for name in _SELECTORS:
        group.addoption(f"--{name}", action="append", default=[], help=f"only this {name} (may be repeated)")
    group.addoption("--before", action="store_true", help="with --runbook: its preconditions only")
    group.addoption("--retries", type=int, default=0, help="observe again, so many times, before a red")
    group.addoption("--save", help="keep the observations in this file")
    group.addoption("--replay", help="judge the observations in this file, contact nothing")


def pytest_configure(config: pytest.Config) -> None:
    session = GuideSession(config)
    config.pluginmanager.register(session, "guide-session")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Distribution(session), "guide-distribution")


class GuideSession:
    """The guide, the environment and the observations of one pytest session."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.option
        if not option.env:
            raise pytest.UsageError(
                "say which environment to check: --env NAME, a file data/environments/NAME.yml"
            )
        self.config = config
        self.guide, self.environment = _load(Path(option.data), option.env, option.lab)
        self.selection = Selection(
            **{field: frozenset(getattr(option, name)) for name, field in _SELECTORS.items()},
            before=option.before,
        )
        unknown = self.selection.unknown(self.guide, self.environment)
        if unknown:
            raise pytest.UsageError("\n".join(unknown))
        if option.before and not option.runbook:
            raise pytest.UsageError("--before goes with --runbook ID")
        self.findings = self.guide.findings_for(self.environment)
        self.started = now()
        self.results: list[CheckResult] = []
        self.observations: Observations | None = None
        self.run: Run | None = None
        self._left_out: set[str] = set()
        self._begun: set[str] = set()
        self._is_interrupted = False
        self._worker = hasattr(config, "workerinput")
        # what a file that cannot be read would have judged is an error; the others are judged all the same
        config.option.continue_on_collection_errors = True

    # ------------------------------------------------------------------------------------- collection

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "check" in metafunc.fixturenames:
            checks = [check for check in self._documented(metafunc) if check in self.selection]
            metafunc.parametrize("check", checks, ids=[_test_id(check) for check in checks], indirect=True)

    def _documented(self, metafunc: pytest.Metafunc) -> tuple[Check, ...]:
        path = metafunc.definition.path
        section, name = path.parent.name, path.stem.removeprefix("test_")
        if section == "runbooks":
            return runbook_checks(self.guide, self.environment, name)
        return topic_checks(self.guide, self.environment, f"{section}/{name}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop functions left without a check, and checks that a page before has already."""
        seen: set[str] = set()
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        # topics come before the runbooks that lean on them
        for item in sorted(items, key=lambda item: item.path.parent.name == "runbooks"):
            check = _check_of(item)
            fresh = check is not None and check.name not in seen
            (kept if fresh else dropped).append(item)
            if check is not None:
                seen.add(check.name)
        items[:] = kept
        left_out = set(self._left_out)
        self.config.hook.pytest_deselected(items=dropped)
        self._left_out = left_out

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note the checks that options of pytest's own leave out."""
        self._left_out |= {check.name for item in items if (check := _check_of(item)) is not None}

    # ------------------------------------------------------------------------------------ observation

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        checks = [check for item in session.items if (check := _check_of(item)) is not None]
        self._left_out -= {check.name for check in checks}
        if checks and not self.config.option.collectonly:
            self.observations = self._observe(checks)

    def _observe(self, checks: Sequence[Check]) -> Observations:
        option = self.config.option
        shared = getattr(self.config, "workerinput", {}).get("observations")
        known = replay(Path(shared)) if shared else self.look(checks)
        return Observations(self.environment, known, option.retries, live=not option.replay)

    def look(self, checks: Sequence[Check]) -> dict[Need, Result]:
        """What the checks need: from the file to replay, or from the environment, and then kept if asked for.

        Raises pytest.UsageError for a file that cannot be used.
        """
        option = self.config.option
        try:
            if option.replay:
                return self._replayed(Path(option.replay), checks)
            known = observe_for(self.environment, checks)
            if option.save:
                save(Path(option.save), self.environment.name, judged_by(checks, known))
        except (OSError, ReplayError) as error:
            raise pytest.UsageError(str(error)) from None
        return known

    def _replayed(self, file: Path, checks: Sequence[Check]) -> dict[Need, Result]:
        known = replay(file, self.environment.name)
        missing = [check.name for check in checks if check.needs not in known]
        if missing:
            raise ReplayError(f"{file} holds no observation for {', '.join(missing[:5])}")
        return known

    # --------------------------------------------------------------------------------------- judgement

    @pytest.fixture
    def check(self, request: pytest.FixtureRequest) -> "BoundCheck":
        """The check of this test, with `holds()` to judge it."""
        assert self.observations is not None
        return BoundCheck(request.param, self.observations, request.node)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        rows = [json.loads(str(value)) for name, value in report.user_properties if name == _PROPERTY]
        if report.when == "call":
            self.results += [CheckResult(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows]
        if report.failed or report.when == "call":
            self._begun.add(_check_name(report.nodeid))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest calls this also where it stops by itself, as when there are no workers left
        self._is_interrupted = excinfo.type is KeyboardInterrupt

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._worker or self.config.option.collectonly:
            return
        if self._is_interrupted:
            session.exitstatus = ExitCode.INTERRUPTED
        if self._is_interrupted or exitstatus not in _REPORTED:
            return
        judged = {f"{result.id}@{result.target}": result for result in self.results}
        selected = self._selected()
        ranked = tuple(
            judged[name] if name in judged else self._unjudged(check)
            for name, check in selected.items()
            if name in judged or name not in self._left_out
        )
        documented = dict.fromkeys(check.name for check in every_check(self.guide, self.environment))
        started, finished = self._times(ranked)
        self.run = Run(
            environment=self.environment.name,
            tier=self.environment.tier,
            started=started,
            finished=finished,
            whole=len(ranked) == len(documented),
            before=self.selection.before,
            findings=tuple(map(str, self.findings)),
            results=ranked,
        )
        try:
            write(self.run, Path(self.config.option.out), documented)
        except OSError as error:
            raise pytest.UsageError(f"the reports cannot be written: {error}") from None
        session.exitstatus = self.run.exit_code

    def _times(self, results: Sequence[CheckResult]) -> tuple[str, str]:
        """When the run began and ended; of a replay, when the first and the last observation were made."""
        observed = sorted((result for result in results if result.attempts), key=lambda each: each.seen)
        if self.config.option.replay and observed:
            return observed[0].observed_at, observed[-1].observed_at
        return self.started, now()

    def _selected(self) -> dict[str, Check]:
        """The selected checks by name, in the guide's order, of the files named on the command line."""
        sections = frozenset({"runbooks", *(section.id for section in self.guide.sections)})
        selected: dict[str, Check] = {}
        for check in every_check(self.guide, self.environment):
            if check in self.selection and any(
                _is_named(check, argument, sections) for argument in self.config.args
            ):
                selected.setdefault(check.name, check)
        return selected

    def _unjudged(self, check: Check) -> CheckResult:
        """The result of a check that no test judged."""
        failure = Failure(check.fact.probe, check.target.id, Outcome.ERROR, "", now(), 0.0)
        why = f"the test of {check.fact.id} ended without judging it"
        if check.name not in self._begun:
            why = f"no test judged {check.fact.id}: is {_file(check)} there, readable and not skipped?"
        return replace(judge(check, [failure]), message=f"{check.target.id}: {why}", attempts=0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.run is not None:
            terminalreporter.write_sep("=", f"{self.environment.name}: {verdict(self.run)}")
            terminalreporter.write_line(
                f"reports in {self.config.option.out}, exit code {self.run.exit_code}"
            )


class _Distribution:
    """With xdist, the controller observes once and hands the file to its workers.

    It does so before anything is collected: `-k` then narrows what is judged, not what is observed.
    """

    def __init__(self, session: GuideSession) -> None:
        self._session = session
        self._file: Path | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        session = self._session
        if self._file is None:
            checks = select(session.guide, session.environment, session.selection)
            known = judged_by(checks, session.look(checks))
            self._file = Path(tempfile.mkdtemp(prefix="guide-")) / "observations.json"
            save(self._file, session.environment.name, known)
        node.workerinput["observations"] = str(self._file)

    def pytest_unconfigure(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            self._file.parent.rmdir()


class BoundCheck:
    """A check with the observations to judge it by."""

    def __init__(self, check: Check, observations: Observations, node: pytest.Item) -> None:
        self._check, self._observations, self._node = check, observations, node

    def holds(self) -> None:
        """Judge the check and end the test accordingly. Only `pass` ends it green."""
        day = today()
        result = judge(self._check, self._observations.attempts(self._check, day), day)
        self._node.user_properties.append((_PROPERTY, json.dumps(result.row())))
        if result.outcome is Outcome.PASS:
            return
        if result.outcome is Outcome.NOT_APPLICABLE:
            pytest.skip(result.message)
        if result.outcome is Outcome.WAIVED:
            pytest.xfail(result.message)
        pytest.fail(f"{result.outcome}: {explanation(result)}", pytrace=False)


def _test_id(check: Check) -> str:
    return f"{check.phase}:{check.name}" if check.phase else check.name


def _check_name(node_id: str) -> str:
    """The name of the check in the id of a test."""
    return node_id.rpartition("[")[2].removesuffix("]").rpartition(":")[2]


def _check_of(item: pytest.Item) -> Check | None:
    callspec = getattr(item, "callspec", None)
    check = callspec.params.get("check") if callspec else None
    return check if isinstance(check, Check) else None


def _file(check: Check) -> str:
    """Where the test of a check is."""
    section, _, name = (check.fact.topic or "").partition("/")
    if check.runbook is not None or not name:
        section, name = "runbooks", str(check.runbook)
    return f"checks/{section}/test_{name}.py"


def _is_named(check: Check, argument: str, sections: frozenset[str]) -> bool:
    """Whether an argument of pytest names the test of `check`, its file or its folder.

    A folder that is no section's is that of all checks.
    """
    if "[" in argument:
        return _check_name(argument) == check.name
    path = Path(argument.partition("::")[0]).resolve()
    _, section, file = _file(check).split("/")
    if path.suffix == ".py":
        return (path.parent.name, path.name) == (section, file)
    return path.name == section or path.name not in sections


def _load(data: Path, name: str, number: int | None) -> tuple[Guide, Environment]:
    try:
        guide = load(data, layout(number).variables)
    except Invalid as invalid:
        raise pytest.UsageError(f"the guide's data has problems:\n{invalid}") from None
    except (NoSuchLab, NoSuchDay) as error:
        raise pytest.UsageError(str(error)) from None
    if name in guide.unavailable:
        raise pytest.UsageError("\n".join(map(str, guide.unavailable[name])))
    if name not in guide.environments:
        known = ", ".join(sorted(guide.environments))
        raise pytest.UsageError(f"there is no environment {name}; data/environments has: {known}")
    return guide, guide.environments[name]
