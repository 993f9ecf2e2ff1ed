"""Text from records, made safe for the place it is put in: Markdown prose, a table cell, a code fence, HTML.

Pages are rendered without autoescape, and a `|` or a newline from the data would tear a table apart, so
nothing reaches a page but through one of these.
"""

import html
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

from macros.svg import look

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|])")
_FORMATTER = HtmlFormatter(cssclass="highlight", wrapcode=True)
_CODE_SPAN = re.compile(r"`([^`]+)`")


def inline(text: object) -> str:
    """`text` for a line of Markdown prose: it reads the same and starts no markup."""
    return _MARKDOWN.sub(r"\\\1", html.escape(str(text), quote=False)).replace("\n", " ")


def cell(text: object) -> str:
    """`text` for one cell of a Markdown table; a newline becomes a line break."""
    return "<br>".join(inline(line) for line in str(text).splitlines())


@lru_cache(maxsize=4096)
def highlighted(text: str, language: str) -> Markup:
    """`text` as highlighted HTML. Raises pygments.util.ClassNotFound for an unknown language."""
    return Markup(highlight(text.rstrip(), get_lexer_by_name(language), _FORMATTER))


def prose(text: str) -> Markup:
    """A sentence from a record as HTML: escaped, with its `code spans` set as code."""
    return Markup(_CODE_SPAN.sub(r"<code>\1</code>", str(escape(text))))


def first_sentence(text: str) -> str:
    """The first sentence of `text`, without its full stop."""
    return re.split(r"(?<=[^.])[.](?:\s|$)", text, maxsplit=1)[0]


def when(moment: datetime) -> Markup:
    """A point in time for a reader, in UTC."""
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{} {:%b %Y, %H:%M} UTC</time>').format(utc.isoformat(), utc.day, utc)


def plain_when(moment: datetime) -> str:
    """A point in time for a reader, in UTC, as words alone."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M} UTC"


def plain_day(date: date) -> str:
    """A day for a reader, as words alone."""
    return f"{date.day} {date:%b %Y}"


def day(date: date) -> Markup:
    """A day for a reader."""
    return Markup('<time datetime="{}">{} {:%b %Y}</time>').format(date.isoformat(), date.day, date)


def fill(template: str, **values: Any) -> str:
    """The HTML of `templates/<template>.html.j2`; every value is escaped, an unknown name raises."""
    return _TEMPLATES.get_template(f"{template}.html.j2").render(values).strip()


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "prose": prose,
    "when": when,
    "day": day,
    "plain_when": plain_when,
    "plain_day": plain_day,
    "highlighted": highlighted,
    "first_sentence": lambda text: prose(first_sentence(text)),
}
_TEMPLATES.globals["look"] = look
