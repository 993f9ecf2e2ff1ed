"""A Markdown extension that leaves blanks, names and punctuation of highlighted code without an element.

They have no colour of their own in the style sheet, and half of the elements of a page with code would be
theirs.
"""

import re
from typing import Any

from markdown import Markdown  # type: ignore[import-untyped]
from markdown.extensions import Extension  # type: ignore[import-untyped]
from markdown.postprocessors import Postprocessor  # type: ignore[import-untyped]

_EMPTY = re.compile(r"<span></span>")
_PLAIN = re.compile(r'<span class="(?:w|p|o|n|nx|x)">([^<]*)</span>')
_LAST = -10  # after raw HTML was put back, highlighted code with it


class _LightCode(Postprocessor):  # type: ignore[misc]
    def run(self, text: str) -> str:
        return _PLAIN.sub(r"\1", _EMPTY.sub("", text))


class LightCode(Extension):  # type: ignore[misc]
    """Registers itself after everything that makes HTML."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.postprocessors.register(_LightCode(md), "light_code", _LAST)


def makeExtension(**options: Any) -> LightCode:
    """Called by Markdown, which knows extensions by their module."""
    return LightCode(**options)
