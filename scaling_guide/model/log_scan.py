"""Which known messages a log holds, found in one pass and in constant memory.

Regular expressions are slow on a large log and a plain search for bytes is fast. So each message is looked
for by the longest text that every match of its pattern must hold, in whole blocks of the log, and its
pattern is tried on those lines alone that hold this text. And since the lines of a log differ mostly in
numbers, blocks are searched only for what is in one of their distinct lines without them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from scaling_guide.model.messages import Message

# a line that is longer is judged in pieces, so that a file without line ends does not fill the memory
LONGEST_LINE = 1 << 24
# numbers, decimal and hexadecimal
_NUMBERS = b"0123456789abcdef"
# what a reader types of a message, at the least, for it to be meant
TYPED = 4
_GROUP_SIGNS = "()|"
_REPEATED = re.compile(r"[?*]|\{(\d+,?\d*|,\d*)\}")
_LOOSE = re.compile(r"\(\?[a-z]*[ix]")  # any case, or with comments


@dataclass(frozen=True)
class Line:
    """A line of a log; `number` counts from 1."""

    source: str
    number: int
    text: str


@dataclass(frozen=True)
class Sighting:
    """A message and the lines that hold it: how many, the first and the last."""

    message: Message
    count: int
    first: Line
    last: Line


class LogScan:
    """Counts the messages in the blocks of one log after the other."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages = tuple(messages)
        self._literals = [literal(message.expression).encode() for message in self._messages]
        self._found: dict[str, Sighting] = {}
        self.lines = 0

    def read(self, source: str, blocks: Iterable[bytes]) -> None:
        """Read a log, whose name is `source`, block by block."""
        before = 0
        for whole in _whole_lines(blocks):
            shapes = b"\n".join(set(whole.translate(None, _NUMBERS).split(b"\n")))
            for message, needle in zip(self._messages, self._literals, strict=True):
                if needle.translate(None, _NUMBERS) in shapes:
                    self._look(message, needle, source, before, whole)
            count = whole.count(b"\n") + (not whole.endswith(b"\n"))
            before += count
            self.lines += count

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was found so far, the most frequent first."""
        return tuple(sorted(self._found.values(), key=lambda seen: -seen.count))

    def _look(self, message: Message, needle: bytes, source: str, before: int, whole: bytes) -> None:
        """Count `message` in the lines of `whole`, which follow `before` lines of the log."""
        first = last = -1
        count = 0
        for start, end in _lines_with(needle, whole):
            if message.is_in(_text(whole[start:end])):
                first, last = (start if first < 0 else first), start
                count += 1
        if not count:
            return

        def line(start: int) -> Line:
            end = whole.find(b"\n", start)
            text = whole[start : end if end >= 0 else len(whole)]
            return Line(source, before + whole.count(b"\n", 0, start) + 1, _text(text))

        known = self._found.get(message.id)
        if known is None:
            self._found[message.id] = Sighting(message, count, line(first), line(last))
        else:
            self._found[message.id] = replace(known, count=known.count + count, last=line(last))


def meant(messages: Iterable[Message], text: str) -> tuple[Message, ...]:
    """The messages that `text` is a part of, in any case and spacing: for one who typed some words of one."""
    typed = _plain(text)
    if len(typed) < TYPED:
        return ()
    return tuple(
        message for message in messages if typed in _plain(message.text) or typed in _plain(message.example)
    )


def literal(expression: str) -> str:
    """The longest text that every match of a regular expression holds; empty where none is certain."""
    if _LOOSE.search(expression):
        return ""
    runs, depth, place = [""], 0, 0
    while place < len(expression):
        sign = expression[place]
        place += 1
        if sign == "\\":
            escaped = expression[place : place + 1]
            place += 1
            sign = "" if escaped.isalnum() else escaped  # \d is a class, \. is a dot
        elif sign == "[":
            place = expression.index("]", place + 1 + expression.startswith("^", place)) + 1
            sign = ""
        elif sign in _GROUP_SIGNS:
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if sign == "|" and depth == 0:
                return ""
            sign = ""
        elif repeated := _REPEATED.match(expression, place - 1):
            runs[-1] = runs[-1][:-1]  # what may be missing
            place = repeated.end()
            sign = ""
        elif sign in ".^$+":
            sign = ""
        if sign and depth == 0:
            runs[-1] += sign
        elif runs[-1]:
            runs.append("")
    return max(runs, key=len)


def _lines_with(needle: bytes, whole: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each line of `whole` that holds `needle`; of every line where it is empty."""
    start = 0
    while start < len(whole):
        hit = whole.find(needle, start)
        if hit < 0:
            return
        start = whole.rfind(b"\n", start, hit) + 1 or start
        end = whole.find(b"\n", hit)
        end = end if end >= 0 else len(whole)
        yield start, end
        start = end + 1


def _whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks that end where a line ends."""
    rest = b""
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
            if len(rest) > LONGEST_LINE:
                yield rest
                rest = b""
    if rest:
        yield rest


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()
