"""Config files of all tiers as one list of lines: which tiers have a line, and which facts it comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.target import Target
from scaling_guide.render.configs import template_context, templates


@dataclass(frozen=True)
class ConfigLine:
    """A line of a config file, without its line end."""

    text: str
    tiers: frozenset[TierName]
    facts: frozenset[str]


class _Watched(dict[str, Any]):
    """Documented values that note which of them a template asks for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._asked: set[str] = set()

    def __getitem__(self, fact_id: str) -> Any:
        self._asked.add(fact_id)
        return super().__getitem__(fact_id)

    def asked(self) -> frozenset[str]:
        """What was asked for since the last call."""
        asked = frozenset(self._asked)
        self._asked.clear()
        return asked


def config_lines(guide: Guide, environment: Environment, target: Target) -> dict[str, tuple[ConfigLine, ...]]:
    """The config files of `target`, file name to lines; those of one tier are its file, in order.

    Raises as `render.configs.render` does.
    """
    rendered = {tier: _rendered(guide, environment, target, tier) for tier in TIERS}
    return {name: _merged({tier: rendered[tier][name] for tier in TIERS}) for name in rendered[TIERS[0]]}


def _rendered(
    guide: Guide, environment: Environment, target: Target, tier: TierName
) -> dict[str, list[ConfigLine]]:
    context = template_context(guide, environment, target, tier)
    watched = _Watched(context["v"])
    found = {}
    for name, template in templates(guide, target):
        chunks = template.generate({**context, "v": watched})
        found[name] = [ConfigLine(text, frozenset({tier}), facts) for text, facts in _lines(chunks, watched)]
    return found


def _lines(chunks: Iterator[str], watched: _Watched) -> Iterator[tuple[str, frozenset[str]]]:
    """The lines that a template makes, each with what it was made from.

    A template yields the text between two values and each value by itself; what was asked for since the last
    piece (a condition, a loop, a value) belongs to the first line of the next that is not blank.
    """
    line, facts, pending = "", set[str](), set[str]()
    for chunk in chunks:
        pending |= watched.asked()
        for number, piece in enumerate(chunk.split("\n")):
            if number:
                yield line, frozenset(facts)
                line, facts = "", set()
            line += piece
            if piece.strip():
                facts |= pending
                pending = set()
    if line:
        yield line, frozenset(facts)


def _merged(files: Mapping[TierName, Sequence[ConfigLine]]) -> tuple[ConfigLine, ...]:
    """The lines of all tiers; a line that several have in the same place is there once."""
    merged: list[ConfigLine] = []
    for lines in files.values():
        matcher = SequenceMatcher(
            None, [each.text for each in merged], [each.text for each in lines], autojunk=False
        )
        grown: list[ConfigLine] = []
        for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            old, new = merged[old_start:old_end], lines[new_start:new_end]
            if kind == "equal":
                grown += [
                    ConfigLine(one.text, one.tiers | other.tiers, one.facts | other.facts)
                    for one, other in zip(old, new, strict=True)
                ]
            else:
                grown += [*old, *new]
        merged = grown
    return tuple(merged)
