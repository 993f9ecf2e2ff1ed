"""Figures are kept with their spread, read back as they were, and held against their record."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from scaling_guide.lab.measure.result import Result, Spread, read, rounded, write
from tests.lab.measure.records import make_record

RESULT = Result(
    id="ways",
    digest="abc",
    date=date(2026, 11, 24),
    tier="medium",
    cores=2,
    load=0.3,
    versions={"postgres": "15.20"},
    seconds=12.5,
    prepared=("psql -c 'create schema measured'",),
    ran={"long": ("pgbench -f long.sql",), "short": ("pgbench -f short.sql",)},
    scripts={"long.sql": "select 1;\n"},
    spreads={"time": {"long": Spread((5.0, 3.0, 4.0)), "short": Spread((2.0, 9.0, 1.0))}},
)


def test_a_spread_is_told_by_its_lowest_its_median_and_its_highest() -> None:
    spread = Spread((5.0, 3.0, 4.0))
    assert (spread.lowest, spread.median, spread.highest) == (3.0, 4.0, 5.0)


def test_what_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    assert write(tmp_path, RESULT) == tmp_path / "measured" / "measurements" / "ways.json"
    assert read(tmp_path) == {"ways": RESULT}


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    write(tmp_path, RESULT).write_text('{"id": "ways"}')
    with pytest.raises(ValueError, match=r"ways\.json is no measurement of this guide"):
        read(tmp_path)


def test_nothing_kept_is_nothing_read(tmp_path: Path) -> None:
    assert read(tmp_path) == {}


def test_figures_that_are_as_expected_contradict_nothing() -> None:
    assert RESULT.contradictions(make_record()) == ()


def test_figures_that_are_not_as_expected_say_so_with_their_medians() -> None:
    record = make_record(expect=["time.short < 0.1 * time.long"])
    assert RESULT.contradictions(record) == (
        "`time.short < 0.1 * time.long` does not hold; medians: time: long 4, short 2",
    )


def test_figures_of_other_variants_are_not_held_against_the_record() -> None:
    other = {"label": "Way", "variants": {"long": "Long", "new": "New"}}
    record = make_record(varied=other, expect=["time.new > time.long"])
    assert not RESULT.is_of(record)
    assert RESULT.contradictions(record) == ()


def test_the_order_of_variants_does_not_matter() -> None:
    turned = replace(RESULT, spreads={"time": dict(reversed(RESULT.spreads["time"].items()))})
    assert turned.is_of(make_record())


@pytest.mark.parametrize(
    ("value", "kept"), [(22913.4567, 22910.0), (0.0812345, 0.08123), (3.0, 3.0), (0.0, 0.0)]
)
def test_a_sample_has_no_more_digits_than_it_can_have_meant(value: float, kept: float) -> None:
    assert rounded(value) == kept
