"""What can be linked to is what MkDocs makes linkable."""

import re
from pathlib import Path

import markdown
import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.pages import docs, headings, places, slug
from tests.model.conftest import GOOD, TODAY, VARIABLES

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = """\
# Proxy & co
## Why `max_fails` counts
## Why *all* of [it](x.md) fails
## Twice
## Twice
## Twice ##
## Named {#twice_1}
## N+1 queries: <code>a</code>_b_
### {{ data-search-exclude }}
### nginx.conf { data-search-exclude }
### Both { .plain #both data-x="1" }
   ### Indented {: #indented }
###Close {: #close }
```sh
# no heading
```
~~~~
## none either
~~~
~~~~
## Last
"""


def in_html(text: str) -> list[str]:
    """The ids of the headings that MkDocs would make of `text`."""
    extensions = ["attr_list", "fenced_code", "toc", "pymdownx.superfences"]
    return re.findall(r'<h[1-6][^>]* id="([^"]+)"', markdown.markdown(text, extensions=extensions))


@pytest.fixture(scope="module")
def guide() -> Guide:
    return load(GOOD, VARIABLES, TODAY)


def test_headings_have_the_ids_that_mkdocs_gives_them() -> None:
    assert sorted(headings(WRITTEN)) == sorted(in_html(WRITTEN))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_the_headings_of_every_page_are_found(page: Path) -> None:
    text = re.sub(r"(?s)\A---\n.*?\n---\n", "", page.read_text("utf-8"))
    bare = re.sub(r"(?s)\{%.*?%\}|\{\{.*?\}\}", "", text)
    assert list(headings(bare)) == in_html(bare)
    assert set(headings(bare)) == set(headings(text))


def test_a_heading_keeps_its_title() -> None:
    titles = headings(WRITTEN)
    assert titles["why-max_fails-counts"] == "Why max_fails counts"
    assert titles["why-all-of-it-fails"] == "Why all of it fails"


def test_the_page_of_a_topic_has_its_headings_and_the_settings_that_it_shows(guide: Guide) -> None:
    folder = docs(guide)
    assert folder is not None
    assert places(guide, folder, "balancing/limits") == {
        "limits": "Limits",
        "limits-maxconn": "Connections per server",
    }
    assert places(guide, folder, "balancing/proxy") == {
        "proxy": "Proxy",
        "who-is-asked": "Who is asked",
        "stale-names": "Stale names",
    }
    assert places(guide, folder, "balancing/nowhere") == {}


def test_data_without_pages_has_none(guide: Guide, tmp_path: Path) -> None:
    assert docs(guide.model_copy(update={"directory": tmp_path / "data"})) is None


def test_a_slug_is_plain() -> None:
    assert slug("N+1 queries — café?") == "n1-queries-cafe"
