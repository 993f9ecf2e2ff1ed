"""Pictures drawn from records: inline SVG that follows the colour scheme, prints, and loads nothing."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Look:
    """How a word is set apart: a colour and a shape, so that neither is needed alone.

    `mark` is the name of a drawing in the style sheet, which costs a page no element.
    """

    tone: str
    mark: str


LOOKS = {
    "pass": Look("good", "tick"),
    "fail": Look("bad", "cross"),
    "error": Look("bad", "alarm"),
    "unreachable": Look("warn", "cut"),
    "timeout": Look("warn", "clock"),
    "flaky": Look("warn", "wave"),
    "waived": Look("warn", "flag"),
    "undetermined": Look("warn", "ring"),
    "unsupported": Look("mute", "dash"),
    "not_applicable": Look("mute", "dash"),
    "critical": Look("bad", "alarm"),
    "warning": Look("warn", "alarm"),
    "planned": Look("mute", "clock"),
    "read-only": Look("good", "ring"),
    "reversible": Look("warn", "wave"),
    "irreversible": Look("bad", "alarm"),
    "draft": Look("mute", "dash"),
    "tested": Look("good", "tick"),
    "stable": Look("good", "tick"),
}
UNKNOWN = Look("mute", "ring")


def look(word: str) -> Look:
    """The look of an outcome, a severity, a safety or a status."""
    return LOOKS.get(word, UNKNOWN)


_ZONE, _GAP, _PITCH, _PER_ROW = 112, 8, 12, 8


def topology(title: str, zones: int, load_balancers: int, replicas: int) -> Markup:
    """Load balancers and application replicas, spread over zones as evenly as they go.

    Three zones are as wide as a phone, so that the text never shrinks.
    """
    spread = list(zip(_spread(load_balancers, zones), _spread(replicas, zones), strict=True))
    height = 72 + _PITCH * max(-(-count // _PER_ROW) for _, count in spread)
    width = zones * (_ZONE + _GAP) - _GAP
    parts = [part for zone, counts in enumerate(spread) for part in _zone(zone, *counts, height)]
    return Markup(
        '<svg class="sg-svg" width="{0}" height="{1}" viewBox="-1 -1 {0} {1}" role="img" aria-label="{2}">'
        "{3}</svg>"
    ).format(width + 2, height + 2, title, Markup("").join(parts))


def _zone(zone: int, load_balancers: int, replicas: int, height: int) -> list[Markup]:
    left = zone * (_ZONE + _GAP)
    return [
        _box(left, 0, _ZONE, height, "sg-svg--line"),
        _text(left + 8, 16, _count(load_balancers, "load balancer")),
        *(_box(left + 8 + n * 28, 24, 22, 10, "sg-svg--front") for n in range(load_balancers)),
        _text(left + 8, 54, _count(replicas, "replica")),
        *(
            _box(left + 8 + n % _PER_ROW * _PITCH, 62 + n // _PER_ROW * _PITCH, 9, 9, "sg-svg--back")
            for n in range(replicas)
        ),
    ]


def stacked(title: str, parts: list[tuple[str, int, str]]) -> Markup:
    """One bar whose parts (label, count, tone) add up; a part of nothing is not drawn."""
    width, height = 640, 22
    total = sum(count for _, count, _ in parts)
    drawn, left = [], 0.0
    for label, count, tone in parts:
        if not count:
            continue
        share = width * count / total
        drawn.append(
            Markup(
                '<rect class="sg-svg--{}" x="{:.1f}" width="{:.1f}" height="{}"><title>{} {}</title></rect>'
            ).format(tone, left, max(share - 2, 1), height, count, label)
        )
        left += share
    return Markup('<svg class="sg-svg" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup("").join(drawn)
    )


def _spread(count: int, over: int) -> list[int]:
    return [count // over + (place < count % over) for place in range(over)]


def _count(number: int, noun: str) -> str:
    return f"no {noun}" if number == 0 else f"{number} {noun}{'' if number == 1 else 's'}"


def _box(x: float, y: float, width: float, height: float, css: str) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"/>').format(
        css, x, y, width, height
    )


def _text(x: float, y: float, text: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(x, y, text)
