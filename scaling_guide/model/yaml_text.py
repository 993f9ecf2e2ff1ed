"""Read YAML so that nothing is lost: where each value stands, and how it was written.

PyYAML's own loaders accept a duplicate key, turn `on` and `no` into booleans, `1:30` into 90 and `0777`
into 511, and forget where a value stood. A guide about configuration cannot afford any of the four.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scaling_guide.model.problems import Location, Problem

KeyPath = tuple[str | int, ...]

DEEPEST = 40

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values, the place of each key path, and what was wrong with the text."""

    path: Path
    value: Any = None
    places: dict[KeyPath, Location] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def place(self, keys: KeyPath) -> Location:
        """The location of `keys`, or of its nearest ancestor that stands in the file."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, Location(self.path))

    def written(self, keys: KeyPath) -> Any:
        """The value at `keys` as it stands in the file, or None where nothing stands."""
        value = self.value
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read(path: Path) -> Document:
    """Parse the YAML file at `path`; never raises for what the file holds, only for what the disk does."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = Location(path, raw.count(b"\n", 0, error.start) + 1)
        problem = Problem(where, "NOT_UTF8", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return Document(path, problems=(problem,))
    builder = _Builder(path, _shallow(yaml.parse(text, Loader=_LOADER)))
    try:
        value = builder.document()
    except yaml.YAMLError as error:
        return Document(path, problems=(*builder.problems, _syntax_problem(path, text, error)))
    return Document(path, value, builder.places, tuple(builder.problems))


def _shallow(events: Iterator[Any]) -> Iterator[Any]:
    """The events, unless they nest too deep: parsing takes time with the square of the depth."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {DEEPEST} levels", problem_mark=event.start_mark
            )
        yield event


def _syntax_problem(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        parts = (getattr(error, "context", None), getattr(error, "problem", None))
        what = " ".join(part for part in parts if part)
        return Problem(_location(path, mark), "YAML_SYNTAX", what, "correct the YAML at this place")
    # the C reader gives a place in bytes, the Python one in characters
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    before = text[: found.start()] if found else ""
    where = Location(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
    what = f"the character {found.group()!a} may not stand here" if found else " ".join(str(error).split())
    return Problem(where, "YAML_SYNTAX", what, "remove the character")


def _location(path: Path, mark: Any) -> Location:
    return Location(path, mark.line + 1, mark.column + 1)


@dataclass
class _Builder:
    """Turns parser events into plain values.

    PyYAML's composer is not used: it recurses without a bound, so that a file of brackets ends the process.
    """

    path: Path
    events: Iterator[Any]
    places: dict[KeyPath, Location] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def document(self) -> Any:
        """The value of the only document. Raises yaml.YAMLError."""
        next(self.events)
        start = next(self.events)
        value = None if isinstance(start, yaml.StreamEndEvent) else self._value(next(self.events), ())
        if value is None and not self.problems:
            empty = Problem(
                Location(self.path), "EMPTY_FILE", "the file holds no value", "fill it or delete it"
            )
            self.problems.append(empty)
            return None
        next(self.events)
        second = next(self.events)
        if isinstance(second, yaml.DocumentStartEvent):
            self._report(
                second, "SECOND_DOCUMENT", "a second document begins here", "give it a file of its own"
            )
        return value

    def _value(self, event: Any, keys: KeyPath) -> Any:
        self.places.setdefault(keys, _location(self.path, event.start_mark))
        if isinstance(event, yaml.AliasEvent):
            self._report(event, "ALIAS", "an alias hides where a value stands", "write the value out")
            return None
        if event.tag is not None:
            self._report(event, "YAML_TAG", f"`{event.tag}` is not read", "drop the tag; quote what is text")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return dict(self._pairs(keys))
        return list(self._items(keys))

    def _items(self, keys: KeyPath) -> Iterator[Any]:
        index = 0
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self._value(event, (*keys, index))
            index += 1

    def _pairs(self, keys: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if self._is_new_key(event, seen):
                self.places[(*keys, event.value)] = _location(self.path, event.start_mark)
                yield event.value, self._value(next(self.events), (*keys, event.value))
            else:
                self._skip(event)
                self._skip(next(self.events))

    def _is_new_key(self, event: Any, seen: set[str]) -> bool:
        if not isinstance(event, yaml.ScalarEvent):
            self._report(event, "KEY_NOT_TEXT", "a key must be plain text", "write the key as one word")
            return False
        key = event.value
        if key == "<<":
            self._report(event, "MERGE_KEY", "merge keys hide where a value stands", "write the keys out")
            return False
        if key in seen:
            self._report(event, "DUPLICATE_KEY", f"`{key}` stands twice here", "keep one of the two")
            return False
        seen.add(key)
        return True

    def _skip(self, event: Any) -> None:
        """Pass over what begins with `event`."""
        depth = int(isinstance(event, yaml.CollectionStartEvent))
        while depth:
            following = next(self.events)
            depth += isinstance(following, yaml.CollectionStartEvent)
            depth -= isinstance(following, yaml.CollectionEndEvent)

    def _report(self, event: Any, code: str, message: str, repair: str) -> None:
        self.problems.append(Problem(_location(self.path, event.start_mark), code, message, repair))


def _scalar(event: yaml.ScalarEvent) -> Any:
    """A scalar as written: only true, false, null and numbers that keep their writing stop being text.

    `1.30` and `007` would lose a zero as numbers, so they stay text.
    """
    text: str = event.value
    plain = event.implicit[0]
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) and len(text) <= 16:
        number = float(text) if "." in text else int(text)
        return number if str(number) == text else text
    return text
