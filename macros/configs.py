"""Config files on a page: each once, for one tier, with the lines of the topic in light."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby

from macros.context import Context
from macros.escape import fill
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.target import Target
from scaling_guide.model.topics import Topic
from scaling_guide.render.config_lines import ConfigLine, config_lines
from scaling_guide.render.site import kind

# the tier that is shown where none was picked
FIRST: TierName = "medium"
_ALL = frozenset(TIERS)


@dataclass(frozen=True)
class Run:
    """Lines that stand together and are shown alike; `fact` is the setting that a single line is linked to.

    Such a line has its blanks in `indent`, which is no part of the link. The `rest` is folded unless the
    whole file is asked for; a mark says that lines are left out.
    """

    indent: str
    text: str
    rest: bool
    tiers: str
    fact: str | None


@dataclass(frozen=True)
class File:
    """A config file on the page. `runs` are empty where no line of it belongs to the topic."""

    name: str
    target: Target
    runs: tuple[Run, ...]
    diffs: dict[TierName, str]
    whole: bool

    @property
    def downloads(self) -> dict[TierName, str]:
        """Where the file of each tier is, below the site."""
        return {tier: f"downloads/{tier}/{kind(self.target)}/{self.name}" for tier in TIERS}


def configs(site: Context, topic: Topic, systems: Iterable[str]) -> str:
    """The files of each system that hold a setting of the topic, and where to download all of them.

    A file that servers of several roles have is shown for one of them: of the others, the lines of the topic
    that this one has not.
    """
    targets: dict[str, Target] = {}
    for target in (each for system in systems for each in site.example.of(system)):
        targets.setdefault(kind(target), target)
    files: dict[tuple[str, str], list[tuple[Target, tuple[ConfigLine, ...]]]] = {}
    for target in targets.values():
        for name, lines in config_lines(site.guide, site.example, target).items():
            files.setdefault((str(target.system), name), []).append((target, lines))
    shown = [file for (_, name), variants in files.items() for file in _files(topic, name, variants)]
    blocks = []
    for file in shown:
        if file.runs:
            role = f" ({file.target.role})" if len(files[str(file.target.system), file.name]) > 1 else ""
            blocks.append(f"### {file.name}{role} {{ data-search-exclude }}")
            blocks.append(fill("config", site=site, file=file, tiers=TIERS, first=FIRST))
    blocks.append(fill("downloads", site=site, files=shown, tiers=TIERS, kind=kind))
    return "\n\n".join(blocks)


def _files(
    topic: Topic, name: str, variants: Sequence[tuple[Target, tuple[ConfigLine, ...]]]
) -> Iterator[File]:
    """The file of the target with most of the topic's lines, then what the others have beyond it."""
    ordered = sorted(variants, key=lambda each: -len(_own(topic, each[1])))
    known: set[str] = set()
    for target, lines in ordered:
        own = {number for number in _own(topic, lines) if lines[number].text.strip() not in known}
        whole = not known
        runs = tuple(_runs(topic, lines, own, whole)) if own else ()
        yield File(name, target, runs, _diffs(name, lines) if whole else {}, whole)
        known |= {line.text.strip() for line in lines}


def _own(topic: Topic, lines: Sequence[ConfigLine]) -> set[int]:
    """The numbers of the lines that come from a setting of the topic."""
    return {number for number, line in enumerate(lines) if line.facts & topic.facts.keys()}


def _runs(topic: Topic, lines: Sequence[ConfigLine], own: set[int], whole: bool) -> Iterator[Run]:
    """The lines in groups; without `whole`, the rest of the file is not there."""
    around = _around(lines, own)

    def place(number: int) -> tuple[str, frozenset[TierName], int]:
        if number in own:
            return "own", lines[number].tiers, number  # each line by itself, for its link
        return ("around" if number in around else "rest"), lines[number].tiers, 0

    for (role, tiers, _), members in groupby(range(len(lines)), place):
        if role == "rest" and not whole:
            continue
        numbers = list(members)
        text = "".join(f"{lines[number].text}\n" for number in numbers)
        facts = lines[numbers[0]].facts & topic.facts.keys() if role == "own" else ()
        named = "" if tiers == _ALL else " ".join(tier[0] for tier in TIERS if tier in tiers)
        indent = text[: len(text) - len(text.lstrip())] if facts and not named else ""
        yield Run(indent, text[len(indent) :], role == "rest", named, min(facts) if facts else None)


def _around(lines: Sequence[ConfigLine], own: set[int]) -> set[int]:
    """What places the lines of a topic: the openings of the blocks around them, comments above them."""
    found: set[int] = set()
    for number in own:
        depth, section = _depth(lines[number]), False
        for above in range(number - 1, -1, -1):
            text = lines[above].text.strip()
            if above == number - 1 and text.startswith(("#", ";", "--")):
                found.add(above)
            elif text and _depth(lines[above]) < depth:
                found.add(above)
                depth = _depth(lines[above])
            elif text.startswith("[") and not section:
                found.add(above)
                section = True
    return found - own


def _depth(line: ConfigLine) -> int:
    return len(line.text) - len(line.text.lstrip())


def _diffs(name: str, lines: Sequence[ConfigLine]) -> dict[TierName, str]:
    """What other tiers have in place of what the first has, as unified diffs; those that differ."""
    texts = {tier: [line.text for line in lines if tier in line.tiers] for tier in TIERS}
    found = {}
    for tier in TIERS:
        names = f"{FIRST}/{name}", f"{tier}/{name}"
        diff = "\n".join(unified_diff(texts[FIRST], texts[tier], *names, n=1, lineterm=""))
        if diff:
            found[tier] = diff
    return found
