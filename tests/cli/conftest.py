"""The command line, called in this process as `guide` calls it."""

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaling_guide.cli import main

REPO = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it wrote to each stream."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


Guide = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A command that mends everything before it ends asks for that; here it is asked for no longer."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Guide:
    """Call `guide` with these arguments, in the checkout unless the test is elsewhere."""
    monkeypatch.chdir(REPO)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["guide", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else int(bool(code)), written.out, written.err)

    return call
