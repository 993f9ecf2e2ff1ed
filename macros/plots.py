"""Plots of measured figures: inline SVG in the colours of the page, drawn once and then kept.

A plot is as wide as a phone, so that its text never shrinks; two stand side by side where there is room.
Drawing takes a moment and importing Matplotlib a longer one: both happen only for a plot that is not kept.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

from markupsafe import Markup

WIDTH, LINES_HEIGHT, BAR_HEIGHT = 340, 230, 42
FONT = 11
# from this ratio of the largest to the smallest on, a linear axis hides what is small
WIDE_X, WIDE_Y = 16.0, 50.0

# Matplotlib knows no variables of CSS: these colours stand for them until it is done
_COLOURS = {
    "#010101": "--md-default-fg-color",
    "#020202": "--md-default-fg-color--light",
    "#030303": "--sg-line",
    "#040401": "--md-accent-fg-color",
    "#040402": "--md-typeset-a-color",
    "#040403": "--sg-warn",
    "#040404": "--sg-mute",
}
_INK, _SOFT, _LINE, *_SERIES = _COLOURS
# so that colour is not needed to tell one line from another
_MARKERS, _DASHES = "os^D", ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Point:
    """What was measured of one variant."""

    lowest: float
    median: float
    highest: float


@dataclass(frozen=True)
class Lines:
    """Figures over a number: a line through the medians of each series, in a band from lowest to highest."""

    title: str
    words: str
    across: str
    values: tuple[float, ...]
    series: tuple[tuple[str, tuple[Point, ...]], ...]

    @property
    def is_logarithmic(self) -> bool:
        """Whether the axis of the figures is, since they are far apart."""
        return _is_wide([point.median for _, points in self.series for point in points], WIDE_Y)


@dataclass(frozen=True)
class Bars:
    """Figures of named variants: a bar to each median, with whiskers from lowest to highest."""

    title: str
    words: str
    variants: tuple[tuple[str, Point], ...]


Chart = Lines | Bars


def plot(chart: Chart, name: str, cache: Path) -> Markup:
    """The chart as SVG. `name` is its own on the page; `cache` is the directory that keeps drawings."""
    drawing = Path(__file__).read_bytes()
    content = json.dumps([type(chart).__name__, name, asdict(chart)], sort_keys=True)
    kept = cache / f"{sha256(drawing + content.encode()).hexdigest()[:32]}.svg"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".new")
        draft.write_text(_svg(chart, name), "utf-8")
        draft.replace(kept)
    return Markup(kept.read_text("utf-8"))


def figure(value: float) -> str:
    """A figure for a reader, with as many digits as it can bear: `22,900`, `8.31`, `0.0812`."""
    digits = float(f"{value:.3g}")
    return f"{digits:,.0f}" if abs(digits) >= 100 else f"{digits:g}"


def _svg(chart: Chart, name: str) -> str:
    import matplotlib  # here, since it takes half a second
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": FONT,
        "text.color": _INK,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": _SOFT,
        "xtick.color": _LINE,
        "ytick.color": _LINE,
        "xtick.labelcolor": _SOFT,
        "ytick.labelcolor": _SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    height = LINES_HEIGHT if isinstance(chart, Lines) else BAR_HEIGHT * len(chart.variants) + 24
    with matplotlib.rc_context(style):
        drawn = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained")
        drawn.patch.set_visible(False)
        axes = drawn.add_subplot()
        axes.patch.set_visible(False)
        axes.tick_params(length=0)
        if isinstance(chart, Lines):
            _lines(axes, chart)
        else:
            _bars(axes, chart)
        written = StringIO()
        drawn.savefig(written, format="svg")
    return _for_page(written.getvalue(), chart, name, height)


def _lines(axes: Any, chart: Lines) -> None:
    looks = zip(chart.series, _SERIES, _MARKERS, _DASHES, strict=False)
    for (label, points), colour, marker, dash in looks:
        low, high = [point.lowest for point in points], [point.highest for point in points]
        axes.fill_between(chart.values, low, high, color=colour, alpha=0.16, linewidth=0)
        medians = [point.median for point in points]
        axes.plot(chart.values, medians, dash, color=colour, marker=marker, markersize=4.5, label=label)
    if _is_wide(chart.values, WIDE_X):
        axes.set_xscale("log")
    if chart.is_logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(chart.values, [figure(value) for value in chart.values])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, place: figure(value))
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(chart.across)
    if len(chart.series) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, frameon=False, borderpad=0)


def _bars(axes: Any, chart: Bars) -> None:
    furthest = max(point.highest for _, point in chart.variants)
    for place, (label, point) in enumerate(chart.variants):
        axes.barh(place, point.median, height=0.36, color=_SERIES[1], alpha=0.75)
        reach = [[point.median - point.lowest], [point.highest - point.median]]
        axes.errorbar(point.median, place, xerr=reach, color=_INK, capsize=3, linewidth=1)
        axes.text(0, place - 0.28, label, va="bottom", ha="left")
        end = point.highest + furthest * 0.02
        axes.text(end, place, figure(point.median), va="center", ha="left", weight="bold")
    axes.set_ylim(len(chart.variants) - 0.6, -0.75)
    axes.set_xlim(0, furthest * 1.2)
    axes.yaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, place: figure(value))
    axes.locator_params(axis="x", nbins=4)


def _is_wide(values: Sequence[float], ratio: float) -> bool:
    return min(values) > 0 and max(values) / min(values) >= ratio


def _without_groups(body: str) -> str:
    """`body` without the groups that say nothing of what is in them: every second element is one."""
    kept: list[bool] = []
    parts = []
    for part in re.split(r"(<g(?: [^>]*)?>|</g>)", body):
        if part == "</g>":
            parts.append(part if kept.pop() else "")
        elif part.startswith(("<g>", "<g ")):
            kept.append(part != "<g>")
            parts.append(part if kept[-1] else "")
        else:
            parts.append(part)
    return "".join(parts)


def _for_page(svg: str, chart: Chart, name: str, height: float) -> str:
    """Made part of a page: its colours, its font, ids of its own, words for who cannot see it."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<style type="text/css">.*?</style>', "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace("<g/>", "").replace("xlink:href", "href")
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    # font and size are the page's
    body = re.sub(r"font-(?:size|family): [^;]*; | transform=\"rotate\(-0[^\"]*\"", "", body)
    for colour, variable in _COLOURS.items():
        body = body.replace(colour, f"var({variable})")
    body = _without_groups(body.replace("<defs> </defs>", ""))
    body = re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}", body)
    # a blank line would end a block of HTML in Markdown
    body = re.sub(r"\s*\n\s*", " ", body).strip()
    head = Markup(
        '<svg class="sg-svg sg-plot" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" '
        'aria-labelledby="{2}-title {2}-words">'
        '<title id="{2}-title">{3}</title><desc id="{2}-words">{4}</desc>'
    ).format(WIDTH, round(height), name, chart.title, chart.words)
    return f"{head}{body}</svg>"
