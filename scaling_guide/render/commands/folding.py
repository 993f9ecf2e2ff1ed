"""Long commands broken into lines that can be read before they hurt, without another meaning.

Bash is read no further than quotes, here-documents and substitutions go. A line is broken after `|`, `&&`,
`;` and `do`, at a space by a backslash, in SQL at a space, and in awk after a semicolon, a brace or a
comma.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

WIDTH = 100
INDENT = "  "
# the rank from which on a line ends within quotes, and by how much a line may be too long to avoid that
_WITHIN_A_WORD = 7
_TOLERATED = 50
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_SQL = re.compile(r"(?:^|[\s;(])-c $")
_AWK = re.compile(r"\bawk (?:-[Fv]\S* |-F'[^']*' |-v \S+ )*$")
_JOINED = re.compile(r"(?:(?<![|&])\||&&|\|\|)$")
_OPENED = re.compile(r"(?:;|^)\s*do$|\bthen$|\{$")
_QUOTED_QUOTE = "'\"'\"'"
_CLAUSES = re.compile(
    r"(?:from|where|and|or|join|left|order|group|having|union|select|limit|case|when)\b", re.I
)


@dataclass(frozen=True)
class Break:
    """A place where a line may end.

    `width` characters there are replaced by `end`, a newline and `resume`. A lower rank is a better place.
    """

    at: int
    width: int
    end: str
    rank: int
    resume: str = INDENT


@lru_cache(maxsize=8192)
def folded(text: str, width: int = WIDTH) -> str:
    """`text` with its lines broken at about `width` characters where that can be done."""
    if all(len(line) <= width for line in text.splitlines()):
        return text
    breaks = sorted(_breaks(text), key=lambda each: each.at)
    out: list[str] = []
    start = 0
    column = 0
    for end in [*(match.start() for match in re.finditer("\n", text)), len(text)]:
        here = [each for each in breaks if start <= each.at < end]
        while column + end - start > width:
            chosen = _best(here, start, start + width - column, end)
            if chosen is None:
                break
            out += [text[start : chosen.at], chosen.end, "\n", chosen.resume]
            start, column = chosen.at + chosen.width, len(chosen.resume)
            here = [each for each in here if each.at >= start]
        out.append(text[start : end + 1])
        start, column = end + 1, 0
    return "".join(out).rstrip("\n")


def _best(breaks: list[Break], start: int, limit: int, end: int) -> Break | None:
    """The best place up to `limit` and not too near to `start`; within a word only as the last resort."""
    near = start + (limit - start) // 3
    fitting = [each for each in breaks if near <= each.at <= limit]
    good = [each for each in fitting if each.rank < _WITHIN_A_WORD]
    if good:
        return min(good, key=lambda each: (each.rank, -each.at))
    if end - limit < _TOLERATED:
        return None
    later = next((each for each in breaks if each.at > limit and each.rank < _WITHIN_A_WORD), None)
    if later is not None and later.at - limit < _TOLERATED:
        return later
    if fitting:
        return fitting[-1]
    return later or next((each for each in breaks if each.at > near), None)


def _breaks(text: str) -> Iterator[Break]:
    """Every place where a line of `text` may end."""
    reader = _Reader(text)
    while reader.at < len(text):
        yield from reader.step()


@dataclass
class _Reader:
    """Where in a command one is: in the shell, in quotes, or in a language within quotes.

    `modes` are nested, innermost last, each with the character that ends it. `literal` is within a string of
    SQL or awk, `parens` how many brackets of awk are open, `heredocs` are the words that end what follows.
    """

    text: str
    at: int = 0
    modes: list[tuple[str, str]] = field(default_factory=lambda: [("shell", "")])
    literal: bool = False
    parens: int = 0
    heredocs: list[str] = field(default_factory=list)

    def step(self) -> Iterator[Break]:
        """Read on by a character, or by what belongs together."""
        mode, end = self.modes[-1]
        char = self.text[self.at]
        if char == "\\" and mode in ("shell", "double", "sql", "awk"):
            self.at += 2
            return
        if mode == "sql1" and self.text.startswith(_QUOTED_QUOTE, self.at):
            self.literal = not self.literal
            self.at += len(_QUOTED_QUOTE)
            return
        if mode == "shell" and char == "\n" and self.heredocs:
            self.at = _after_heredocs(self.text, self.at, self.heredocs)
            return
        if char == end and end:
            self.modes.pop()
        elif mode == "shell":
            yield from self._shell(char)
        elif mode in ("double", "sql"):
            yield from self._double(mode, char)
        elif mode == "single" and char in "&, " and self.text[self.at + 1 : self.at + 2] != "'":
            yield Break(self.at + 1, 0, "'\\", 8, "'")
        elif mode == "sql1" and char == " " and not self.literal:
            yield _sql_break(self.text, self.at)
        elif mode == "awk":
            yield from self._awk(char)
        self.at += 1

    def _shell(self, char: str) -> Iterator[Break]:
        found = _HEREDOC.match(self.text, self.at)
        if found and not self.text.startswith("<<<", self.at):
            self.heredocs.append(found[2])
            self.at = found.end() - 1
        elif char in "'\"":
            self.modes.append((_kind(self.text, self.at), char))
            self.literal, self.parens = False, 0
        elif not self._substitution() and char == "(":
            self.modes.append(("shell", ")"))
        elif char == " " and self.text[self.at - 1 : self.at] not in (" ", "\n", "") and not self.heredocs:
            yield from _shell_break(self.text, self.at)

    def _substitution(self) -> bool:
        """Whether a command within another begins here."""
        begins = self.text.startswith("$(", self.at) and not self.text.startswith("$((", self.at)
        if begins:
            self.modes.append(("shell", ")"))
            self.at += 1
        return begins

    def _double(self, mode: str, char: str) -> Iterator[Break]:
        if self._substitution():
            return
        if mode == "sql" and char == "'":
            self.literal = not self.literal
        elif mode == "sql" and char == " " and not self.literal:
            yield _sql_break(self.text, self.at)
        elif mode == "double" and char == " ":
            # within quotes a backslash at the end of a line leaves nothing of the two
            yield Break(self.at + 1, 0, "\\", 7, "")

    def _awk(self, char: str) -> Iterator[Break]:
        if char == '"':
            self.literal = not self.literal
        elif self.literal:
            return
        elif char == "/" and _begins_regex(self.text, self.at):
            self.at = _after_regex(self.text, self.at) - 1
        elif char in "([":
            self.parens += 1
        elif char in ")]":
            self.parens -= 1
        elif char == " ":
            before = self.text[self.at - 1]
            if self.parens == 0 and before in ";{}":
                yield Break(self.at, 1, "", 1)
            elif (before == "," and self.parens == 0) or self.text[self.at - 2 : self.at] in ("&&", "||"):
                yield Break(self.at, 1, "", 2)


def _shell_break(text: str, at: int) -> Iterator[Break]:
    if text.startswith(" \\\n", at):
        return
    before = text[max(0, at - 6) : at]
    ends_statement = before.endswith(";") and not re.match(r" (?:do|then|exit|done|\})\b", text[at:])
    if _JOINED.search(before) or ends_statement or _OPENED.search(before):
        yield Break(at, 1, "", 0)
    elif not before.endswith(";"):
        yield Break(at, 1, " \\", 4 if re.match(r" -", text[at:]) else 5)


def _sql_break(text: str, at: int) -> Break:
    clause = _CLAUSES.match(text, at + 1)
    return Break(at, 1, "", 1 if clause else 3 if text[at - 1] == "," else 6)


def _kind(text: str, at: int) -> str:
    """What a quoted word that begins at `at` is written in."""
    before = text[:at]
    if _SQL.search(before):
        return "sql1" if text[at] == "'" else "sql"
    if text[at] == "'" and _AWK.search(before):
        return "awk"
    return "single" if text[at] == "'" else "double"


def _begins_regex(text: str, at: int) -> bool:
    """Whether a slash of awk begins a pattern, and divides nothing."""
    return text[:at].rstrip(" ").endswith(("'", "(", "~", ",", "{", "}", ";", "&&", "||", "!"))


def _after_regex(text: str, at: int) -> int:
    at += 1
    while at < len(text) and text[at] != "/":
        at += 2 if text[at] == "\\" else 1
    return at + 1


def _after_heredocs(text: str, at: int, heredocs: list[str]) -> int:
    """The end of the line that ends the last of the here-documents which begin after `at`."""
    for word in heredocs:
        end = re.compile(rf"^{word}$", re.MULTILINE).search(text, at + 1)
        at = end.end() if end else len(text)
    heredocs.clear()
    return at
