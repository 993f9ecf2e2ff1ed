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

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
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


def read(path: Path) -> Document:
    """Parse the YAML file at `path`; never raises for what the file holds, only for what the disk does."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        where = Location(path)
        problem = Problem(where, "NOT_UTF8", f"byte {error.start} is not UTF-8", "save the file as UTF-8")
        return Document(path, problems=(problem,))
    try:
        # composing twice would be needed to see a second document; `compose` refuses it by itself
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        what = " ".join(part for part in (error.context, error.problem) if part)
        return Document(
            path, problems=(Problem(where, "YAML_SYNTAX", what, "correct the YAML at this place"),)
        )
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())
        problem = Problem(Location(path), "YAML_SYNTAX", what, "remove the character YAML does not allow")
        return Document(path, problems=(problem,))
    if node is None:
        problem = Problem(Location(path), "EMPTY_FILE", "the file holds no value", "fill it or delete it")
        return Document(path, problems=(problem,))
    places: dict[KeyPath, Location] = {}
    problems: list[Problem] = []
    value = _Builder(path, places, problems).build(node, ())
    return Document(path, value, places, tuple(problems))


@dataclass
class _Builder:
    path: Path
    places: dict[KeyPath, Location]
    problems: list[Problem]

    def build(self, node: yaml.Node, keys: KeyPath, depth: int = 0) -> Any:
        self.places.setdefault(keys, self._at(node))
        if depth > 40:
            self._report(
                node, "YAML_DEPTH", "nested deeper than 40 levels", "flatten it; aliases may not recurse"
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, keys, depth))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*keys, index), depth + 1) for index, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return _scalar(node)

    def _pairs(self, node: yaml.MappingNode, keys: KeyPath, depth: int) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(
                    key_node, "KEY_NOT_TEXT", "a key must be plain text", "write the key as one word"
                )
                continue
            key = key_node.value
            if key == "<<":
                self._report(
                    key_node, "MERGE_KEY", "merge keys hide where a value stands", "write the keys out"
                )
                continue
            if key in seen:
                self._report(key_node, "DUPLICATE_KEY", f"`{key}` stands twice here", "keep one of the two")
                continue
            seen.add(key)
            self.places[(*keys, key)] = self._at(key_node)
            yield key, self.build(value_node, (*keys, key), depth + 1)

    def _at(self, node: yaml.Node) -> Location:
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, node: yaml.Node, code: str, message: str, repair: str) -> None:
        self.problems.append(Problem(self._at(node), code, message, repair))


def _scalar(node: yaml.ScalarNode) -> Any:
    """A scalar as written: only true/false/null and plain decimal numbers stop being text."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
