"""A plot is in the colours of the page, has words for who cannot see it, and is drawn once."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

from macros import plots
from macros.plots import WIDTH, Bars, Chart, Lines, Point, figure, plot

REPO = Path(__file__).parents[2]
LINES = Lines(
    "Pool size: transactions/s: higher is better",
    "Medians by pool size. Reads: 1 600, 8 900",
    "Connections in the pool",
    (1, 8, 64),
    (
        ("Reads", (Point(500, 600, 700), Point(800, 900, 950), Point(700, 850, 900))),
        ("Writes <&>", (Point(50, 60, 70), Point(80, 90, 95), Point(70, 85, 90))),
    ),
)
BARS = Bars("Connections", "Medians", (("Kept", Point(800, 900, 950)), ("New each time", Point(4, 5, 6))))


@pytest.fixture(params=[LINES, BARS], ids=["lines", "bars"])
def chart(request: pytest.FixtureRequest) -> Chart:
    made: Chart = request.param
    return made


def texts(svg: str) -> list[str]:
    return [text.get_text() for text in BeautifulSoup(svg, "html.parser").find_all("text")]


def test_every_colour_is_one_of_the_page(chart: Chart, tmp_path: Path) -> None:
    svg = plot(chart, "pool", tmp_path)
    assert re.findall(r"(?:fill|stroke): (?!none|var\(--)[^;\"]+", svg) == []
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "var(--md-typeset-a-color)" in svg
    styles = (REPO / "docs" / "assets" / "extra.css").read_text()
    assert [name for name in set(re.findall(r"var\((--[\w-]+)\)", svg)) if f"{name}:" not in styles] == []


def test_it_has_a_title_and_words(chart: Chart, tmp_path: Path) -> None:
    root = ElementTree.fromstring(plot(chart, "pool", tmp_path))
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [named[each] for each in root.get("aria-labelledby", "").split()] == [chart.title, chart.words]


def test_it_is_as_wide_as_a_phone_and_takes_its_font_from_the_page(chart: Chart, tmp_path: Path) -> None:
    svg = plot(chart, "pool", tmp_path)
    assert f'width="{WIDTH}"' in svg
    assert "font-family" not in svg
    assert "font-size" not in svg


def test_two_plots_of_a_page_share_no_id(chart: Chart, tmp_path: Path) -> None:
    ids = [
        id
        for name in ("pool-plot-0", "pool-plot-1")
        for id in re.findall(r'\bid="([^"]+)"', plot(chart, name, tmp_path))
    ]
    assert len(set(ids)) == len(ids)


def test_what_is_referred_to_is_in_the_plot(chart: Chart, tmp_path: Path) -> None:
    svg = plot(chart, "pool", tmp_path)
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert referred <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_it_is_one_line_so_that_markdown_leaves_it_whole(chart: Chart, tmp_path: Path) -> None:
    assert "\n" not in plot(chart, "pool", tmp_path)


def test_labels_are_text_and_escaped(tmp_path: Path) -> None:
    assert {"Reads", "Writes <&>", "1", "8", "64", "Connections in the pool"} <= set(
        texts(plot(LINES, "pool", tmp_path))
    )
    assert {"Kept", "900", "New each time", "5"} <= set(texts(plot(BARS, "pool", tmp_path)))


def test_figures_that_are_far_apart_are_on_a_logarithmic_axis(tmp_path: Path) -> None:
    near = (Point(1, 1, 1), Point(2, 2, 2), Point(3, 3, 3))
    far = (Point(1, 1, 1), Point(10, 10, 10), Point(1000, 1000, 1000))
    linear = texts(plot(Lines("t", "w", "x", (1, 2, 3), (("a", near),)), "a", tmp_path))
    logarithmic = texts(plot(Lines("t", "w", "x", (1, 2, 3), (("a", far),)), "b", tmp_path))
    assert "0" in linear
    assert {"1", "10", "100", "1,000"} <= set(logarithmic)


def test_bars_begin_at_zero_however_far_apart(tmp_path: Path) -> None:
    assert "0" in texts(plot(BARS, "pool", tmp_path))


def test_it_is_drawn_once(chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = plot(chart, "pool", tmp_path)
    monkeypatch.setattr(plots, "_svg", lambda *arguments: pytest.fail("drawn again"))
    assert plot(chart, "pool", tmp_path) == first


def test_another_figure_is_another_drawing(tmp_path: Path) -> None:
    other = Bars(BARS.title, BARS.words, (("Kept", Point(800, 901, 950)), BARS.variants[1]))
    assert plot(BARS, "pool", tmp_path) != plot(other, "pool", tmp_path)


def test_it_is_drawn_the_same_each_time(chart: Chart, tmp_path: Path) -> None:
    assert plot(chart, "pool", tmp_path / "a") == plot(chart, "pool", tmp_path / "b")


def test_the_pages_do_not_import_matplotlib_until_something_is_drawn() -> None:
    code = "import macros, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPO, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (22913, "22,900"),
        (1234567, "1,230,000"),
        (99.96, "100"),
        (8.312, "8.31"),
        (0.08125, "0.0813"),
        (0, "0"),
    ],
)
def test_a_figure_has_the_digits_that_it_can_bear(value: float, text: str) -> None:
    assert figure(value) == text
