"""What can be linked to on a page in `docs/`: its headings, and what macros put under an id."""

import html
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from scaling_guide.model.guide import Guide

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"(#{1,6})[ \t]*(.*?)#*[ \t]*$")
_ATTRIBUTES = re.compile(r"[ \t]+\{:?[ \t]*([^{}]*?)[ \t]*\}$")
_ID = re.compile(r"(?:^|\s)(?:#|id=\"?)([^\s\"]+)")
_CODE = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"<[^>]*>")
_EMPHASIS = re.compile(r"(?<![\w\\])([*_]{1,3})(\S(?:.*?\S)?)\1(?!\w)")
_NUMBERED = re.compile(r"^(.+)_(\d+)$")


def docs(guide: Guide) -> Path | None:
    """The folder of the pages, beside the data; None where the data came without pages."""
    folder = guide.directory.parent / "docs"
    return folder if folder.is_dir() else None


def places(guide: Guide, folder: Path, topic_id: str) -> dict[str, str]:
    """What can be linked to on the page of a topic below `folder`: id to title. Empty where there is no page.

    Headings, and where the page has their blocks, the topic's settings and pitfalls.
    """
    page = folder / f"{topic_id}.md"
    if not page.is_file():
        return {}
    text = page.read_text("utf-8-sig")
    found = headings(text)
    topic = guide.topics.get(topic_id)
    if topic is not None and "sg.settings(" in text:
        found |= {fact.id: fact.label for fact in topic.facts.values()}
    if topic is not None and "sg.pitfalls(" in text:
        found |= {slug(pitfall.title): pitfall.title for pitfall in topic.pitfalls}
    return found


def headings(text: str) -> dict[str, str]:
    """The headings of a page in Markdown, in order: id to title. Ids are those that MkDocs gives them."""
    written = list(_headings(text))
    taken = {id for id, _ in written if id}
    found: dict[str, str] = {}
    for id, title in written:
        if not id:
            id = _unique(slug(title), taken)
            taken.add(id)
        found.setdefault(id, title)
    return found


def slug(title: str) -> str:
    """The id that MkDocs makes of a title: lower case, ASCII, spaces as dashes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def _headings(text: str) -> Iterator[tuple[str | None, str]]:
    """The id, where one is written, and the title of each heading outside of code blocks."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif mark:
            fence = mark[1]
        elif heading := _HEADING.match(line):
            title = heading[2].rstrip()
            attributes = _ATTRIBUTES.search(title)
            id = None
            if attributes:
                title = title[: attributes.start()]
                named = _ID.search(attributes[1])
                id = named[1] if named else None
            yield id, _plain(title)


def _plain(title: str) -> str:
    """The text of a heading without its markup."""
    parts = _CODE.split(title)  # text, backticks, code, text, ...
    shown = [
        part if number % 3 == 2 else html.unescape(_TAG.sub("", _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", part))))
        for number, part in enumerate(parts)
        if number % 3 != 1
    ]
    return "".join(shown).replace("\\", "").strip()


def _unique(id: str, taken: set[str]) -> str:
    """`id`, numbered as MkDocs does it where it is taken or empty."""
    while id in taken or not id:
        numbered = _NUMBERED.match(id)
        id = f"{numbered[1]}_{int(numbered[2]) + 1}" if numbered else f"{id}_1"
    return id
