"""What holds for all tests: nothing is skipped, generated examples are the same in every run."""

import os
import signal
from importlib import import_module

import pytest
from hypothesis import settings

from scaling_guide.model.systems import part, systems

pytest_plugins = ["pytester", "tests.live", "tests.world", "tests.groups", "tests.within"]
# data for tests, some of it in files that look like tests
collect_ignore = ["fixtures"]

# Readline sets them for a worker of xdist, and Rich keeps them; a test that needs a width sets it
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# pytester forgets the modules that a test run inside a test imports, and a second copy has other classes;
# httpx imports httpcore with the first request
import_module("httpcore")
for _name in systems():
    part(_name, "probe")

settings.register_profile("guide", deadline=None, derandomize=True, database=None)
settings.load_profile("guide")


class NoSkips:
    """Ends a run in failure when a test was skipped: what was not looked at is not green."""

    def __init__(self) -> None:
        self.skipped: list[pytest.TestReport | pytest.CollectReport] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped:
            terminalreporter.section("skipped", red=True, bold=True)
            for report in self.skipped:
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
                terminalreporter.line(f"{report.nodeid}: {reason}")
            terminalreporter.line("A skipped test fails the run: provide what it needs, or delete it.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(NoSkips(), "no-skips")
    # a shell starts what runs in the background with it ignored, and so would be all that the tests start
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
