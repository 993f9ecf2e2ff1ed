"""While the site is served, only a page that changed is rendered anew."""

from types import SimpleNamespace
from typing import Any

from macros import serve


def page(markdown: str, content: str = "") -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri="a.md"), markdown=markdown, content=content)


def test_a_page_is_rendered_where_its_markdown_is_another() -> None:
    rendered: list[str] = []

    def render(each: Any, config: Any, files: Any) -> None:
        rendered.append(each.markdown)
        each.content, each.toc = f"<p>{each.markdown}</p>", [each.markdown]

    remembered = serve.remembered(render)
    shown = [page("one"), page("one"), page("two"), page("one")]
    for each in shown:
        remembered(each, None, None)
    assert rendered == ["one", "two", "one"]
    assert [each.content for each in shown] == ["<p>one</p>", "<p>one</p>", "<p>two</p>", "<p>one</p>"]
    assert shown[1].toc == ["one"]


def test_what_changed_afterwards_is_not_remembered() -> None:
    def render(each: Any, config: Any, files: Any) -> None:
        each.content = "<p data-search-exclude>x</p>"

    remembered = serve.remembered(render)
    first, second = page("one"), page("one")
    remembered(first, None, None)
    first.content = "<p>x</p>"  # as the theme's search leaves it
    remembered(second, None, None)
    assert second.content == "<p data-search-exclude>x</p>"


def test_a_page_is_indexed_where_its_content_is_another() -> None:
    read: list[str] = []

    def add(index: Any, each: Any) -> None:
        read.append(each.content)
        index.entries.append({"text": each.content})

    indexed = serve.indexed(add)
    for content in ("x", "x", "y"):
        index = SimpleNamespace(entries=[{"text": "another page"}])
        indexed(index, page("", content))
        assert index.entries == [{"text": "another page"}, {"text": content}]
    assert read == ["x", "y"]


def test_a_build_is_left_as_it_is() -> None:
    before = serve.Page.render
    serve.on_startup(command="build", dirty=False)
    assert serve.Page.render is before
