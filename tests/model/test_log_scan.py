"""A log is searched for known messages in one pass."""

import re
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_guide.model import log_scan
from scaling_guide.model.log_scan import LogScan, literal, meant
from scaling_guide.model.messages import Message


def message(id: str, text: str, pattern: str | None = None) -> Message:
    record = {"text": text, "pattern": pattern, "example": text, "cause": "x", "page": "a/b#c"}
    made = Message.model_validate({**record, "source": "https://example.com/"})
    made._id, made._product = id, "nginx"
    return made


DEAD = message("dead", "no live upstreams")
FULL = message("full", "512 worker_connections are not enough", r"\d+ worker_connections are not enough")
ANY = message("any", "upstream timed out", r"(?i)upstream (timed out|closed)")
LOG = b"""\
one
12:00 no live upstreams while connecting
12:01 1024 worker_connections are not enough
at noon: worker_connections are not enough, says someone
12:03 no live upstreams, Upstream CLOSED
"""


def scanned(*blocks: bytes, of: tuple[Message, ...] = (DEAD, FULL, ANY)) -> LogScan:
    scan = LogScan(of)
    scan.read("log", blocks)
    return scan


def test_messages_are_counted_with_their_first_and_last_line() -> None:
    seen = {each.message.id: each for each in scanned(LOG).sightings}
    assert {id: each.count for id, each in seen.items()} == {"dead": 2, "full": 1, "any": 1}
    assert (seen["dead"].first.number, seen["dead"].last.number) == (2, 5)
    assert seen["dead"].first.text == "12:00 no live upstreams while connecting"
    assert seen["full"].first == seen["full"].last


def test_the_most_frequent_message_is_first() -> None:
    assert scanned(LOG).sightings[0].message is DEAD


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_it_does_not_matter_where_blocks_end(size: int) -> None:
    parts = [LOG[start : start + size] for start in range(0, len(LOG), size)]
    assert scanned(*parts).sightings == scanned(LOG).sightings
    assert scanned(*parts).lines == 5


def test_a_message_twice_in_a_line_is_one_line() -> None:
    assert scanned(b"no live upstreams no live upstreams\n").sightings[0].count == 1


def test_logs_are_counted_together_and_named_apart() -> None:
    scan = LogScan([DEAD])
    scan.read("a.log", [b"x\nno live upstreams\n"])
    scan.read("b.log", [b"no live upstreams"])
    (seen,) = scan.sightings
    assert (seen.count, seen.first.source, seen.first.number) == (2, "a.log", 2)
    assert (seen.last.source, seen.last.number) == ("b.log", 1)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert (
        scanned(b"\xff\xfe no live upstreams \x80\r\n")
        .sightings[0]
        .first.text.endswith("\N{REPLACEMENT CHARACTER}")
    )


@pytest.mark.parametrize(
    ("expression", "longest"),
    [
        (r"no\ live\ upstreams", "no live upstreams"),
        (r"\d+ worker_connections", " worker_connections"),
        (r"FATAL: +too many (clients|connections) already", "too many "),
        (r"limit_req.*zone \"[^\"]+\"", "limit_req"),
        (r"a]b[]x]cd", "a]b"),
        (r"colou?r of it", "r of it"),
        (r"{site} is", "{site} is"),
        (r"x{2,3}yz", "yz"),
        (r"one|another", ""),
        (r"(?i)case", ""),
        (r"\bword\b", "word"),
        (r"^[0-9]+$", ""),
    ],
)
def test_the_longest_text_of_an_expression_is_found(expression: str, longest: str) -> None:
    assert literal(expression) == longest


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
@given(st.from_regex(r"[a-c.\\d+?*()|\[\]{}1-3]{1,12}", fullmatch=True), st.data())
def test_every_match_of_an_expression_holds_its_text(expression: str, data: st.DataObject) -> None:
    try:
        re.compile(expression)
        match = data.draw(st.from_regex(expression, fullmatch=True))
    except (re.error, ValueError):
        return
    assert literal(expression) in match


@pytest.mark.parametrize("typed", ["live upstreams", "No  LIVE upstreams"])
def test_a_part_of_a_message_is_enough_to_mean_it(typed: str) -> None:
    assert meant((DEAD, FULL), typed) == (DEAD,)


def test_a_few_letters_mean_nothing() -> None:
    assert meant((DEAD, FULL), "no") == ()


def test_a_large_log_is_read_fast_and_in_constant_memory() -> None:
    line = b"2026/12/01 10:00:00 [error] 31#31: *7 connect() failed (111: Connection refused) from 10.0.0.7\n"
    block = line * ((1 << 20) // len(line))
    messages = tuple(message(f"m{n}", f"a message that is not there, number {n}") for n in range(150))

    def blocks() -> Iterator[bytes]:
        yield from (block for _ in range(30))

    tracemalloc.start()
    start = time.process_time()
    scan = LogScan((*messages, DEAD))
    scan.read("log", blocks())
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert scan.lines == 30 * block.count(b"\n")
    assert (seconds < 6, peak < 8 << 20) == (True, True), (seconds, peak)


def test_a_line_without_an_end_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_scan, "LONGEST_LINE", 100)
    scan = LogScan([DEAD])
    scan.read("log", [b"x" * 60, b"x" * 60, b" no live upstreams"])
    assert [seen.count for seen in scan.sightings] == [1]
