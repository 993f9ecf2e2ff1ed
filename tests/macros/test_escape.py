import markdown
import pytest
from jinja2 import UndefinedError

from macros.escape import cell, fill, inline, prose

EXTENSIONS = ["tables", "pymdownx.superfences", "pymdownx.tabbed"]
HOSTILE = [
    "a | b",
    "<script>alert(1)</script>",
    "*two* _words_ **three**",
    "`code` [link](x) ![image](y)",
    "# heading",
    "1. list",
    "~^7 $request_id",
    "back\\slash & ampersand",
    "{{ $labels.instance }} {% raw %}",
]


def rendered(text: str) -> str:
    return markdown.markdown(text, extensions=EXTENSIONS)


@pytest.mark.parametrize("text", HOSTILE)
def test_inline_text_reads_as_written(text: str) -> None:
    shown = rendered(f"before {inline(text)} after")
    assert shown == f"<p>before {_html(text)} after</p>"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_stays_one_cell(text: str) -> None:
    shown = rendered(f"| a | b |\n|---|---|\n| {cell(text)} | second |")
    assert shown.count("<td>") == 2
    assert f"<td>{_html(text)}</td>" in shown


def test_a_newline_in_a_cell_is_a_line_break_and_no_new_row() -> None:
    shown = rendered("| a |\n|---|\n| " + cell("one\ntwo") + " |")
    assert "<td>one<br>two</td>" in shown
    assert shown.count("<tr>") == 2


def test_prose_sets_code_spans_and_escapes_everything_else() -> None:
    assert prose("use `a<b` & <i>") == "use <code>a&lt;b</code> &amp; &lt;i&gt;"


def test_an_unknown_name_in_a_template_raises() -> None:
    with pytest.raises(UndefinedError, match="reviewed"):
        fill("header", outcome="x", strip={}, status="draft")


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
