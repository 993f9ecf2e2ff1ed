"""`pytest --within SECONDS` begins no further test after so many seconds, and says how many it left out."""

import time

import pytest


class Within:
    """Ends a run early, which is neither a failure nor a success of what was left out."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._seconds = seconds
        self._left_out = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        if time.monotonic() < self._end:
            return None
        self._left_out += 1
        return True

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._left_out:
            line = f"{self._left_out} tests were left out after {self._seconds:g} s"
            terminalreporter.line(line, yellow=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--within", type=float, metavar="SECONDS", help="begin no test later than that")


def pytest_configure(config: pytest.Config) -> None:
    seconds = config.getoption("--within")
    if seconds is not None:
        config.pluginmanager.register(Within(seconds), "within-seconds")
