"""Values are compared by what they mean: every product writes sizes and times in its own way."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_guide.model.units import Unit, meaning, shifted, words

WHOLE = st.integers(min_value=0, max_value=10**12)
MEASURED = [Unit.COUNT, Unit.BYTES, Unit.DURATION, Unit.RATIO]


@pytest.mark.parametrize(
    ("written", "unit", "base"),
    [
        ("512m", Unit.BYTES, 536_870_912),
        ("8k", Unit.BYTES, 8192),
        ("8kB", Unit.BYTES, 8192),
        ("1G", Unit.BYTES, 1_073_741_824),
        ("1.5 GiB", Unit.BYTES, 1_610_612_736),
        (65536, Unit.BYTES, 65536),
        ("1h30m", Unit.DURATION, 5_400_000),
        ("1h 30m", Unit.DURATION, 5_400_000),
        ("2000ms", Unit.DURATION, 2000),
        ("2s", Unit.DURATION, 2000),
        (2, Unit.DURATION, 2000),
        ("500us", Unit.DURATION, 0.5),
        ("1.1s", Unit.DURATION, 1100),
        ("5min", Unit.DURATION, 300_000),
        ("1d", Unit.DURATION, 86_400_000),
        ("1M", Unit.DURATION, 30 * 86_400_000),
        ("1m", Unit.DURATION, 60_000),
        ("-1", Unit.DURATION, -1000),
        ("4096", Unit.COUNT, 4096),
        ("1_000", Unit.COUNT, 1000),
        ("1e+06", Unit.COUNT, 1_000_000),
        ("2.5", Unit.COUNT, 2.5),
        (2**63 + 1, Unit.COUNT, 2**63 + 1),
        ("80%", Unit.RATIO, 0.8),
        ("57 %", Unit.RATIO, 0.57),
        (0.57, Unit.RATIO, 0.57),
        ("on", Unit.BOOLEAN, True),
        ("Yes", Unit.BOOLEAN, True),
        (1, Unit.BOOLEAN, True),
        ("disabled", Unit.BOOLEAN, False),
        ("least_conn", Unit.TEXT, "least_conn"),
        (600, Unit.TEXT, "600"),
        (True, Unit.TEXT, "true"),
    ],
)
def test_a_written_value_has_one_meaning(written: Any, unit: Unit, base: Any) -> None:
    found = meaning(written, unit)
    assert found == base
    assert type(found) is type(base)


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        *[(None, unit) for unit in Unit],
        *[(True, unit) for unit in MEASURED],
        *[("", unit) for unit in Unit if unit is not Unit.TEXT],
        *[(text, unit) for unit in MEASURED for text in ("nan", "inf", math.nan, math.inf, "auto", "1 2")],
        *[(text, unit) for unit in MEASURED for text in ("1.5.5", "--1", "10-5", "9" * 5000, [1, 2], "٣")],
        ("1e999", Unit.COUNT),
        ("1,000", Unit.COUNT),
        ("64k", Unit.COUNT),
        ("10s", Unit.BYTES),
        ("64k", Unit.DURATION),
        ("5S", Unit.DURATION),
        ("30m1h", Unit.DURATION),
        ("1m1m", Unit.DURATION),
        ("50%%", Unit.RATIO),
        ("2", Unit.BOOLEAN),
        ("auto", Unit.BOOLEAN),
    ],
)
def test_a_value_without_meaning_is_refused_with_the_reason(written: Any, unit: Unit) -> None:
    with pytest.raises(ValueError, match=r"."):
        meaning(written, unit)


def test_the_reason_names_the_suffix() -> None:
    with pytest.raises(ValueError, match="`64k` is not a duration: unknown suffix `k`"):
        meaning("64k", Unit.DURATION)


@given(WHOLE)
def test_a_suffix_counts_in_powers_of_1024(number: int) -> None:
    forms = [f"{number}m", f"{number} MB", f"{number}MiB", f"{number * 1024}k", str(number * 1024**2)]
    assert {meaning(form, Unit.BYTES) for form in forms} == {number * 1024**2}


@given(WHOLE)
def test_a_time_means_the_same_in_every_unit(seconds: int) -> None:
    forms = [f"{seconds}s", f"{seconds} s", str(seconds), f"{seconds * 1000}ms", f"{seconds * 10**6}us"]
    assert {meaning(form, Unit.DURATION) for form in forms} == {seconds * 1000}


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_sum_of_parts_is_the_sum_of_their_meanings(hours: int, minutes: int, seconds: int) -> None:
    whole = meaning(f"{hours}h{minutes}m{seconds}s", Unit.DURATION)
    assert whole == sum(meaning(part, Unit.DURATION) for part in (f"{hours}h", f"{minutes}m", f"{seconds}s"))


@given(st.integers(0, 1000), st.integers(0, 99))
def test_a_percentage_means_the_ratio(percent: int, hundredths: int) -> None:
    written = f"{percent}.{hundredths:02}"
    assert meaning(f"{written}%", Unit.RATIO) == pytest.approx(float(written) / 100, abs=1e-12)
    assert meaning(f"{percent}%", Unit.RATIO) == meaning(percent / 100, Unit.RATIO)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), st.sampled_from(Unit))
def test_any_value_has_a_meaning_or_is_refused(value: Any, unit: Unit) -> None:
    try:
        found = meaning(value, unit)
    except ValueError:
        return
    assert found == meaning(value, unit)


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), st.sampled_from(Unit))
def test_any_value_can_be_shown(value: Any, unit: Unit) -> None:
    assert isinstance(words(value, unit), str)


@pytest.mark.parametrize(
    ("written", "unit", "shown"),
    [
        (4096, Unit.COUNT, "4,096"),
        ("64k", Unit.BYTES, "64 KiB"),
        ("1024k", Unit.BYTES, "1 MiB"),
        ("1500", Unit.BYTES, "1,500 B"),
        ("60s", Unit.DURATION, "60 s"),
        ("1m", Unit.DURATION, "60 s"),
        ("5m", Unit.DURATION, "5 min"),
        ("150s", Unit.DURATION, "150 s"),
        ("1500ms", Unit.DURATION, "1,500 ms"),
        ("1d", Unit.DURATION, "1 d"),
        ("80%", Unit.RATIO, "80 %"),
        ("yes", Unit.BOOLEAN, "on"),
        (None, Unit.COUNT, "nothing"),
        ("auto", Unit.COUNT, "auto"),
    ],
)
def test_a_reader_sees_the_value_in_words(written: Any, unit: Unit, shown: str) -> None:
    assert words(written, unit) == shown


@given(WHOLE.map(lambda n: n + 1), st.sampled_from([str, "{}k".format, "{}m".format]))
def test_neighbours_of_a_size_are_next_to_it(number: int, write: Callable[[int], str]) -> None:
    written = write(number)
    below, above = shifted(written, Unit.BYTES, -1), shifted(written, Unit.BYTES, +1)
    assert meaning(below, Unit.BYTES) < meaning(written, Unit.BYTES) < meaning(above, Unit.BYTES)


@given(WHOLE.map(lambda n: n + 1), st.sampled_from(["{}ms".format, "{}s".format, "{}m".format, "{}h".format]))
def test_neighbours_of_a_duration_are_next_to_it(number: int, write: Callable[[int], str]) -> None:
    written = write(number)
    below, above = shifted(written, Unit.DURATION, -1), shifted(written, Unit.DURATION, +1)
    found = meaning(written, Unit.DURATION)
    assert 0 <= meaning(below, Unit.DURATION) < found < meaning(above, Unit.DURATION)


@given(WHOLE)
def test_neighbours_of_a_count_are_one_away(number: int) -> None:
    assert (shifted(number, Unit.COUNT, -1), shifted(number, Unit.COUNT, 1)) == (number - 1, number + 1)


@given(st.integers(1, 99))
def test_neighbours_of_a_percentage_are_one_percent_away(percent: int) -> None:
    assert shifted(f"{percent}%", Unit.RATIO, +1) == f"{percent + 1}%"
    assert shifted(f"{percent}%", Unit.RATIO, -1) == f"{percent - 1}%"


def test_the_neighbour_of_a_second_is_short_of_a_second() -> None:
    assert shifted("1s", Unit.DURATION, -1) == "999ms"
