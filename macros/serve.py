"""While the site is served: pages whose Markdown did not change are not rendered again.

A hook of MkDocs, for convenience alone: `mkdocs build` does not use it, and builds the same site without it.
A change of data/ is read and run through all macros, so that every page that shows it changes. What they
wrote is compared, and only the pages that differ go through Markdown and into the search index once more.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from material.plugins.search.plugin import SearchIndex  # type: ignore[import-untyped]
from mkdocs.structure.pages import Page

# what rendering leaves on a page
RENDERED = ("content", "toc", "_title_from_render", "present_anchor_ids")


def on_startup(*, command: str, dirty: bool) -> None:
    """Called by MkDocs once, before the first build."""
    if command == "serve":
        Page.render = remembered(Page.render)  # type: ignore[method-assign]
        SearchIndex.add_entry_from_context = indexed(SearchIndex.add_entry_from_context)


def remembered(render: Callable[..., None]) -> Callable[..., None]:
    """`Page.render`, which takes what it left the last time where the Markdown is the same."""
    kept: dict[str, tuple[str | None, dict[str, Any]]] = {}

    @wraps(render)
    def rendered(page: Page, config: Any, files: Any) -> None:
        source = page.file.src_uri
        if source in kept and kept[source][0] == page.markdown:
            vars(page).update(kept[source][1])
            return
        render(page, config, files)
        kept[source] = (page.markdown, {name: vars(page)[name] for name in RENDERED if name in vars(page)})

    return rendered


def indexed(add: Callable[..., None]) -> Callable[..., None]:
    """`SearchIndex.add_entry_from_context`, which takes the entries of the last time for the same content."""
    kept: dict[str, tuple[str | None, list[Any]]] = {}

    @wraps(add)
    def added(index: Any, page: Page) -> None:
        source = page.file.src_uri
        if source in kept and kept[source][0] == page.content:
            index.entries.extend(kept[source][1])
            return
        before = len(index.entries)
        add(index, page)
        kept[source] = (page.content, index.entries[before:])

    return added
