"""Units: what a written value means, so that `512m` equals 536870912 and `1m` equals `60s`."""

import re
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from typing import Any

Scalar = str | int | float | bool | None


class Unit(StrEnum):
    """What a value counts. The unit decides what a suffix means: `10m` is 10 MiB or 10 minutes."""

    TEXT = "text"
    COUNT = "count"
    BYTES = "bytes"
    DURATION = "duration"
    RATIO = "ratio"
    BOOLEAN = "boolean"


_COUNT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]+)?(e[-+]?[0-9]{1,3})?", re.IGNORECASE)
_AMOUNT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?([A-Za-z%]*)")

_Suffixes = Mapping[str, Fraction | int]
_BYTES: _Suffixes = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "kib": 2**10, "m": 2**20, "mb": 2**20,
                     "mib": 2**20, "g": 2**30, "gb": 2**30, "gib": 2**30}  # fmt: skip
# case counts: config files write minutes as `m` and months as `M`
_MILLISECONDS: _Suffixes = {"": 1000, "us": Fraction(1, 1000), "ms": 1, "s": 1000, "m": 60_000,
                            "min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
                            "M": 2_592_000_000, "y": 31_536_000_000}  # fmt: skip
_RATIO: _Suffixes = {"": 1, "%": Fraction(1, 100)}
_BOOLEAN = {"on": True, "yes": True, "true": True, "enabled": True, "1": True,
            "off": False, "no": False, "false": False, "disabled": False, "0": False}  # fmt: skip


def meaning(value: Scalar, unit: Unit) -> Any:
    """`value` in the base of `unit`: bytes, milliseconds, a plain number, a ratio of 1, a bool, or text.

    A bare number is bytes or seconds. Raises ValueError, with the reason, where `value` has no meaning in
    `unit`; None never has one.
    """
    if value is None:
        raise ValueError("no value")
    return _MEANING[unit](value)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _count(value: Scalar) -> float:
    text = str(value).strip()
    found = _COUNT.fullmatch(text)
    if found is None:
        raise ValueError(f"`{value}` is not a number")
    if not any(found.groups()):
        return int(text)
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"`{value}` is too large")
    return int(number) if number.is_integer() else number


def _amounts(text: str, suffixes: _Suffixes, noun: str) -> list[tuple[Fraction, Fraction]]:
    """The numbers in `text`, each with the factor that its suffix stands for."""
    written = _AMOUNT.findall(text)
    if not written or "".join(number + suffix for number, suffix in written) != text.replace(" ", ""):
        raise ValueError(f"`{text}` is not a {noun}")
    unknown = [suffix for _, suffix in written if suffix not in suffixes]
    if unknown:
        raise ValueError(f"`{text}` is not a {noun}: unknown suffix `{unknown[0]}`")
    return [(Fraction(number), Fraction(suffixes[suffix])) for number, suffix in written]


def _amount(value: Scalar, suffixes: _Suffixes, noun: str) -> float:
    text = str(value).strip()
    amounts = _amounts(text.removeprefix("-"), suffixes, noun)
    factors = [factor for _, factor in amounts]
    # `1h30m` goes from the largest unit to the smallest; `1 2` is a slip of the pen
    if any(larger <= smaller for larger, smaller in pairwise(factors)):
        raise ValueError(f"`{value}` is not a {noun}: write one number, or parts from large to small")
    # fractions, since 1.1 * 1000 is not 1100 in floats
    total = sum(number * factor for number, factor in amounts) * (-1 if text.startswith("-") else 1)
    return int(total) if total.denominator == 1 else float(total)


def _bytes(value: Scalar) -> float:
    return _amount(str(value).lower(), _BYTES, "size")


def _duration(value: Scalar) -> float:
    return _amount(value, _MILLISECONDS, "duration")


def _ratio(value: Scalar) -> float:
    return _amount(value, _RATIO, "ratio")


def _boolean(value: Scalar) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _BOOLEAN[str(value).lower()]
    except KeyError:
        raise ValueError(f"`{value}` is neither on nor off") from None


_MEANING = {
    Unit.TEXT: _text,
    Unit.COUNT: _count,
    Unit.BYTES: _bytes,
    Unit.DURATION: _duration,
    Unit.RATIO: _ratio,
    Unit.BOOLEAN: _boolean,
}

_BYTE_STEPS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIME_STEPS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def words(value: Scalar, unit: Unit) -> str:
    """`value` for a reader: `4,096`, `64 KiB`, `60 s`, `80 %`, `on`; text stays as written."""
    if value is None:
        return "nothing"
    try:
        base = meaning(value, unit)
    except ValueError:
        return str(value)
    if unit is Unit.COUNT:
        return f"{base:,}"
    if unit is Unit.BYTES:
        return _stepped(base, _BYTE_STEPS, "B")
    if unit is Unit.DURATION:
        return _stepped(base, _TIME_STEPS if base >= 120_000 else _TIME_STEPS[3:], "ms")
    if unit is Unit.RATIO:
        return f"{base * 100:g} %"
    if unit is Unit.BOOLEAN:
        return "on" if base else "off"
    return str(base)


def _stepped(base: float, steps: tuple[tuple[int, str], ...], smallest: str) -> str:
    for size, name in steps:
        if base >= size and base % size == 0:
            return f"{base // size:,} {name}"
    return f"{base:,} {smallest}"


def shifted(value: Scalar, unit: Unit, by: int) -> Scalar:
    """The written neighbour of `value`: one unit step up (`by` 1) or down (-1), as a server accepts it.

    Sizes and counts move by one; durations by one second, or one millisecond below a second. Raises
    ValueError as `meaning` does.
    """
    base = meaning(value, unit)
    if unit is Unit.DURATION:
        if base % 1000 == 0 and base + by * 1000 > 0:
            return f"{base // 1000 + by}s"
        return f"{base + by}ms"
    if unit is Unit.RATIO:
        return f"{base * 100 + by:g}%"
    if unit is Unit.BYTES and base % 1024 == 0:
        return f"{base // 1024 + by}k"
    return int(base + by)
