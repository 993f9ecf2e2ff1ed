"""`guide why` names what a message means, from words, logs and pipes."""

import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaling_guide.cli import project, why
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from tests.cli.conftest import Guide as Call
from tests.model.conftest import GOOD, TODAY, VARIABLES

LINE = "2026/12/01 [error] 31#31: *7 no live upstreams while connecting to upstream, client: 203.0.113.7"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Guide:
    """The small guide of the fixtures, which knows one message."""
    found = load(GOOD, VARIABLES, TODAY)
    monkeypatch.setattr(project, "guide", lambda: found)
    return found


def pipe(monkeypatch: pytest.MonkeyPatch, text: str, terminal: bool = False) -> None:
    stream = SimpleNamespace(buffer=io.BytesIO(text.encode()), isatty=lambda: terminal)
    monkeypatch.setattr(sys, "stdin", stream)


def test_a_line_is_explained(guide: Call) -> None:
    ended = guide("why", LINE)
    assert ended.code == 0
    for part in (
        "nginx: no live upstreams while connecting to upstream",
        "Every server is marked failed.",
        "balancing/proxy/#stale-names  Stale names",
        "guide runbook drain",
    ):
        assert part in ended.out


def test_a_part_of_a_message_is_enough(guide: Call) -> None:
    ended = guide("why", "No live upstreams")
    assert (ended.code, "part of nginx: no live upstreams" in ended.out) == (0, True)


def test_what_is_not_known_ends_with_5(guide: Call) -> None:
    ended = guide("why", "segmentation fault")
    assert (ended.code, ended.out) == (5, "")
    assert "none of the 1 known messages" in ended.err


def test_a_piped_log_is_counted(guide: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"start\n{LINE}\nunknown\n{LINE} again\n")
    ended = guide("why")
    assert ended.code == 0
    assert "2 x nginx" in ended.out
    assert f"first    stdin:2  {LINE}" in ended.out
    assert "last     stdin:4" in ended.out
    assert "unknown" not in ended.out


@pytest.mark.parametrize("name", ["error.log", "error.log.gz"])
def test_a_log_is_named(guide: Call, name: str, tmp_path: Path) -> None:
    log = tmp_path / name
    log.write_bytes(gzip.compress(LINE.encode()) if name.endswith(".gz") else LINE.encode())
    ended = guide("why", str(log), "--json")
    (message,) = json.loads(ended.out)["messages"]
    assert message["first"] == {"source": str(log), "number": 1, "text": LINE}
    assert (message["id"], message["count"]) == ("nginx-no-live-upstreams", 1)
    assert (message["page"], message["runbook"]) == ("balancing/proxy/#stale-names", "drain")


def test_json_of_nothing_is_empty_and_ends_with_5(guide: Call) -> None:
    ended = guide("why", "--json", "segmentation fault")
    assert (ended.code, json.loads(ended.out)) == (
        5,
        {"schema": 1, "lines": 1, "messages": [], "close": []},
    )


def test_nothing_to_read_is_an_error_of_the_call(guide: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "", terminal=True)
    ended = guide("why")
    assert (ended.code, "guide why 'TEXT'" in ended.err) == (4, True)


def test_an_interrupted_log_is_reported_as_far_as_it_was_read(
    guide: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise KeyboardInterrupt
            return super().read1(size)

    stream = SimpleNamespace(buffer=Interrupted(f"{LINE}\n{LINE}\n".encode()), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stream)
    ended = guide("why")
    assert (ended.code, "2 x nginx" in ended.out) == (0, True)


def test_a_long_line_is_cut(guide: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"\n{LINE}{'x' * 1000}\n")
    assert max(map(len, guide("why").out.splitlines())) < why.SHOWN + 40


def test_help_names_the_three_ways(guide: Call) -> None:
    shown = guide("why", "--help").out
    for part in ("no live upstreams", "error.log", "journalctl", "5 where nothing"):
        assert part in shown
