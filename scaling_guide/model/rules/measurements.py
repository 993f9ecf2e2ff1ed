"""What keeps the claims of a measurement honest before anything is measured."""

from collections.abc import Iterator
from datetime import date
from itertools import product

from scaling_guide.model.guide import Guide
from scaling_guide.model.measurements import UNREADABLE, Measurement, Medians
from scaling_guide.model.problems import Problem
from scaling_guide.model.rules.rule import problem

STEP = 1000.0


def expectation_unreadable(guide: Guide, today: date) -> Iterator[Problem]:
    for measurement in guide.measurements.values():
        for expectation in measurement.expect:
            try:
                measurement.holds(expectation, _orders(measurement)[0])
            except UNREADABLE as error:
                what = f"`{expectation}` cannot be computed: {error}"
                repair = "compare metrics, as in `time.one < time.other` or `time[1] < time[8]`"
                yield problem(measurement, "EXPECT_UNREADABLE", what, repair, "expect")


def expectation_never_fails(guide: Guide, today: date) -> Iterator[Problem]:
    for measurement in guide.measurements.values():
        for expectation in measurement.expect:
            try:
                held = [measurement.holds(expectation, medians) for medians in _orders(measurement)]
            except UNREADABLE:
                continue  # reported as such
            if all(held):
                what = f"`{expectation}` is true whatever is measured"
                yield problem(
                    measurement, "EXPECT_NEVER_FAILS", what, "compare one variant with another", "expect"
                )


def _orders(measurement: Measurement) -> tuple[Medians, ...]:
    """Medians as they might come out: rising from each to the next, falling, all alike."""
    places = list(product(measurement.metrics, measurement.varied.labels))
    rising = {place: STEP**number for number, place in enumerate(places)}
    falling = {place: STEP**-number for number, place in enumerate(places)}
    return tuple(
        {
            metric: {variant: order[metric, variant] for variant in measurement.varied.labels}
            for metric in measurement.metrics
        }
        for order in (rising, falling, dict.fromkeys(places, 1.0))
    )
