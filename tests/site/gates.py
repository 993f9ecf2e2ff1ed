"""What a built site must not contain. Each gate takes the site's directory and returns what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# code may hold template marks of other languages
_CODE = {"code", "pre", "script", "style"}
_ASSETS = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src", "object": "data"}
_OTHER_SITES = ("http", "https", "mailto")


@dataclass
class Page:
    """What a gate needs to know of one HTML file."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        if "id" in values:
            self._page.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self._page.links.append(values["href"])
        if tag in _ASSETS and values.get("rel") not in ("canonical", "prev", "next"):
            self._page.assets += [values[name] for name in (_ASSETS[tag], "srcset") if name in values]
        self._code += tag in _CODE

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        if not self._code:
            self._page.prose.append(data)


def pages(site: Path) -> list[Page]:
    """Every HTML page of the site but the error page, whose links are those of the site's root."""
    found = []
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":
            page = Page(path)
            _Reader(page).feed(path.read_text("utf-8"))
            found.append(page)
    return found


def broken_links(site: Path) -> list[str]:
    """Links, anchors and assets that lead nowhere inside the site."""
    by_path = {page.path: page for page in pages(site)}
    return [
        f"{page.path.relative_to(site)}: {reason} {address}"
        for page in by_path.values()
        for address in [*page.links, *page.assets]
        for reason in _reasons(site, by_path, page, address)
    ]


def external_assets(site: Path) -> list[str]:
    """Scripts, styles, images and frames that a page would load from another site."""
    return [
        f"{page.path.relative_to(site)}: {address}"
        for page in pages(site)
        for address in page.assets
        if urlsplit(address).scheme in _OTHER_SITES or address.startswith("//")
    ]


def macro_errors(site: Path) -> list[str]:
    """Pages that hold the error of a macro in place of its block."""
    return [
        str(page.path.relative_to(site))
        for page in pages(site)
        if any(
            error in page.path.read_text("utf-8") for error in ("Macro Rendering Error", "Macro Syntax Error")
        )
    ]


def stray_templates(site: Path) -> list[str]:
    """Template marks in prose, where a macro was not run."""
    return [
        f"{page.path.relative_to(site)}: {text.strip()}"
        for page in pages(site)
        for text in page.prose
        if "{{" in text or "{%" in text
    ]


def _reasons(site: Path, by_path: dict[Path, Page], page: Page, address: str) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme or address.startswith("//"):
        return
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if target.is_dir():
        target = target / "index.html"
    if parts.path.startswith("/") or not target.is_relative_to(site) or not target.is_file():
        yield "no such file"
    elif parts.fragment and target in by_path and unquote(parts.fragment) not in by_path[target].ids:
        yield "no such anchor"
