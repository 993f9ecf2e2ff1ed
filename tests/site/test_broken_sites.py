"""Each gate turns red: a site is broken in one way, and the build or its gate says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.site import gates
from tests.site.conftest import ROOT, build, build_here


def write(site: Path, text: str) -> None:
    (site / "pages" / "index.md").write_text(text)


def test_the_unbroken_copy_is_green(small_site: Path, tmp_path: Path) -> None:
    write(small_site, "# Home\n\n{{ sg.tiers() }}\n")
    result = build_here(small_site, tmp_path / "site")
    assert result.returncode == 0, result.text
    assert gates.broken_links(tmp_path / "site") == []


def test_a_broken_page_fails_the_command_as_ci_runs_it(small_site: Path, tmp_path: Path) -> None:
    write(small_site, "# Home\n\n{{ sg.value('no-such-fact') }}\n")
    result = build(small_site, tmp_path / "site")
    assert result.returncode != 0
    assert "there is no fact `no-such-fact`" in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ sg.value('no-such-fact') }}", "there is no fact `no-such-fact`"),
        ("{{ sg.no_such_block() }}", "no_such_block"),
        ("{{ sgg.tiers() }}", "'sgg' is undefined"),
        ("{{ sg.settings() }}", "there is no topic `index`"),
        ("{% if %}", "Macro Syntax Error"),
        ("[x](missing.md)", "missing.md"),
        ("[x](#missing)", "missing"),
        ("![x](missing.png)", "missing.png"),
        ("![x](https://example.com/x.png)", "https://example.com/x.png"),
        ('<script src="https://example.com/x.js"></script>', "https://example.com/x.js"),
    ],
)
def test_a_broken_page_fails_the_build_and_is_named(
    small_site: Path, tmp_path: Path, text: str, said: str
) -> None:
    write(small_site, f"# Home\n\n{text}\n")
    result = build_here(small_site, tmp_path / "site")
    assert result.returncode != 0
    assert said in result.text


def test_an_error_is_reported_at_its_line_of_the_file(small_site: Path, tmp_path: Path) -> None:
    write(small_site, "---\ndescription: x\n---\n\n# Home\n\nprose\n\n{{ sg.value('no-such-fact') }}\n")
    assert "line 9, in top-level template code" in build_here(small_site, tmp_path / "site").text


def test_all_broken_pages_can_be_listed_at_once(small_site: Path, tmp_path: Path) -> None:
    write(small_site, "# Home\n\n{{ sg.value('first-typo') }}\n")
    (small_site / "pages" / "other.md").write_text("# Other\n\n{{ sg.value('second-typo') }}\n")
    config = small_site / "mkdocs.yml"
    config.write_text(config.read_text().replace("[index.md]", "[index.md, other.md]"))
    result = build_here(small_site, tmp_path / "site", SG_MACRO_FAIL_FAST="false")
    assert result.returncode != 0
    assert "first-typo" in result.text
    assert "second-typo" in result.text
    assert len(gates.macro_errors(tmp_path / "site")) == 2


@pytest.mark.parametrize(
    ("break_data", "said"),
    [
        (lambda data: (data / "tiers.yml").unlink(), "MISSING_FILE"),
        (lambda data: (data / "tiers.yml").write_text("small: {title: Small}"), "MISSING_KEY"),
    ],
)
def test_missing_data_fails_the_build(
    small_site: Path, tmp_path: Path, break_data: Callable[[Path], None], said: str
) -> None:
    data = small_site / "data"
    (data / "tiers.yml").unlink()
    (data / "tiers.yml").write_text((ROOT / "data" / "tiers.yml").read_text())
    break_data(data)
    write(small_site, "# Home\n\n{{ sg.tiers() }}\n")
    result = build_here(small_site, tmp_path / "site")
    assert result.returncode != 0
    assert said in result.text


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<a href="missing/">x</a>', "no such file missing/"),
        ('<a href="#missing">x</a>', "no such anchor #missing"),
        ('<img src="missing.png" alt="">', "no such file missing.png"),
        ('<a href="/absolute/">x</a>', "no such file /absolute/"),
    ],
)
def test_a_broken_link_in_raw_html_is_found_by_the_gate(
    small_site: Path, tmp_path: Path, html: str, said: str
) -> None:
    """MkDocs does not look into raw HTML, which is what macros write."""
    write(small_site, f"# Home\n\n<div>{html}</div>\n")
    assert build_here(small_site, tmp_path / "site").returncode == 0
    assert gates.broken_links(tmp_path / "site") == [f"index.html: {said}"]


def test_a_macro_that_was_not_run_is_found_by_the_gate(small_site: Path, tmp_path: Path) -> None:
    write(small_site, "---\nrender_macros: false\n---\n\n# Home\n\n{{ sg.tiers() }} and `{{ code }}`\n")
    assert build_here(small_site, tmp_path / "site").returncode == 0
    assert gates.stray_templates(tmp_path / "site") == ["index.html: {{ sg.tiers() }} and"]
