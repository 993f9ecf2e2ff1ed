"""A page shows what was measured with its limits, and says what is missing, outdated or contradicted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from macros import measured, measurements
from macros.context import Context
from scaling_guide.lab.measure import outdated
from scaling_guide.lab.measure.outdated import digest
from scaling_guide.lab.measure.result import Result, Spread
from scaling_guide.lab.measure.rig import Rig, Take
from scaling_guide.model.measurements import Measurement
from tests.lab.measure.records import make_record
from tests.lab.measure.test_result import RESULT
from tests.macros.conftest import Site
from tests.macros.small_guide import TOPIC, make_guide

VALUES: dict[str, Any] = {
    "varied": {"label": "Clients", "values": [20, 60]},
    "metrics": {
        "direct": {"label": "Direct", "unit": "transactions/s", "better": "higher"},
        "pooled": {"label": "Pooled", "unit": "transactions/s", "better": "higher"},
        "p99": {"label": "99 % within", "unit": "ms", "better": "lower"},
    },
    "expect": ["pooled[60] > direct[60]"],
}
SPREADS = {
    "direct": {"20": Spread((8000, 9000, 8500)), "60": Spread((6000, 6100, 6200))},
    "pooled": {"20": Spread((7000, 7100, 7200)), "60": Spread((7000, 7100, 7200))},
    "p99": {"20": Spread((2, 3, 4)), "60": Spread((9, 10, 11))},
}


def ways(rig: Rig) -> Take:
    raise NotImplementedError


def words(html: str) -> str:
    return BeautifulSoup(html, "html.parser").get_text(" ", strip=True)


Show = Callable[..., str]


@pytest.fixture
def context(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Context]:
    """The page of a topic with one measurement and this result of it."""
    monkeypatch.setattr(outdated, "measurements", lambda: {"ways": ways})

    def build(record: Measurement, result: Result | None) -> Context:
        page = site(guide=make_guide(measurements={"ways": record}))
        results = {"ways": result} if result else {}
        return replace(page, known=replace(page.known, results=results, plots=tmp_path / "plots"))

    return build


@pytest.fixture
def show(context: Callable[..., Context]) -> Show:
    def show(result: Result | None = RESULT, current: bool = True, **changes: Any) -> str:
        record = make_record(topic=TOPIC, **changes)
        if result and current:
            result = replace(result, digest=digest(record, ways))
        page = context(record, result)
        return measured.experiments(page, page.guide.topics[TOPIC])

    return show


def test_it_shows_question_lesson_limits_and_figures_with_their_spread(show: Show) -> None:
    text = words(show())
    assert "Question Which is faster? Learned The short one. Not shown The network." in text
    assert "The long one 4 (3 to 5) The short one 2 (1 to 9)" in text
    assert "Median of 3 runs" in text
    assert "In the lab on 24 Nov 2026 : tier medium, 2 cores" in text
    assert "busy with 0.3 other tasks before" in text
    assert "postgres 15.20" in text
    assert "changed since" not in text
    assert "contradicted" not in text


def test_its_heading_can_be_linked_to_by_its_id(show: Show) -> None:
    assert "### Two ways {: #ways }" in show()


def test_what_was_run_is_there_to_be_repeated(context: Callable[..., Context]) -> None:
    text = words(measurements.what_was_run(context(make_record(topic=TOPIC), RESULT)))
    for line in ("psql -c", "# Way: The long one", "pgbench -f long.sql", "with the files", "select 1;"):
        assert line in text
    assert "Held against: time.short < time.long" in text


def test_the_page_of_a_topic_links_to_what_was_run(show: Show, docs: Path) -> None:
    assert "What was run" not in show()
    (docs / measurements.PAGE).touch()
    assert '<a href="../../measurements/#ways">What was run</a>' in show()


def test_a_file_that_several_take_stands_once(context: Callable[..., Context]) -> None:
    page = context(make_record(topic=TOPIC), RESULT)
    record = page.guide.measurements["ways"]
    twice = page.guide.model_copy(update={"measurements": {"ways": record, "again": record}})
    known = replace(page.known, guide=twice, results={"ways": RESULT, "again": RESULT})
    text = measurements.what_was_run(replace(page, known=known))
    assert text.count("select 1;") == 1
    assert text.count('<a href="#file-longsql">') == 2
    assert "### long\\.sql {: #file-longsql }" in text


def test_a_command_that_all_variants_share_stands_once(context: Callable[..., Context]) -> None:
    result = replace(RESULT, ran=dict.fromkeys(RESULT.ran, ("pgbench -S",)))
    text = words(measurements.what_was_run(context(make_record(topic=TOPIC), result)))
    assert text.count("pgbench -S") == 1
    assert "# Way" not in text


def test_named_variants_have_a_plot_for_each_metric(show: Show) -> None:
    page = BeautifulSoup(show(), "html.parser")
    assert [each.get_text() for each in page.find_all("figcaption")] == ["Time, ms: lower is better"]
    assert "The long one 4, The short one 2" in page.svg.desc.get_text()


def test_over_a_number_metrics_of_one_unit_share_a_plot(show: Show) -> None:
    ran = dict.fromkeys(("20", "60"), ("pgbench -c 20",))
    page = BeautifulSoup(show(replace(RESULT, spreads=SPREADS, ran=ran), **VALUES), "html.parser")
    captions = [each.get_text() for each in page.find_all("figcaption")]
    assert captions == ["In transactions/s: higher is better", "99 % within, ms: lower is better"]
    assert "Medians by clients. Direct: 20 8,500, 60 6,100. Pooled: 20 7,100" in page.svg.desc.get_text()


def test_a_logarithmic_plot_says_so(show: Show) -> None:
    far = {**SPREADS, "p99": {"20": Spread((2, 3, 4)), "60": Spread((900, 1000, 1100))}}
    ran = dict.fromkeys(("20", "60"), ("pgbench -c 20",))
    page = BeautifulSoup(show(replace(RESULT, spreads=far, ran=ran), **VALUES), "html.parser")
    assert page.find_all("figcaption")[1].get_text() == "99 % within, ms: lower is better, logarithmic"


def test_figures_that_contradict_the_text_are_shown_beside_it(show: Show) -> None:
    text = words(show(expect=["time.short < 0.1 * time.long"]))
    assert "contradicted" in text
    assert "time.short < 0.1 * time.long does not hold; medians: time: long 4, short 2" in text
    assert "4 (3 to 5)" in text


def test_figures_of_an_older_record_or_of_other_code_say_so(show: Show) -> None:
    assert "What was measured has changed since." in words(show(current=False))


def test_figures_of_other_variants_are_not_shown(show: Show) -> None:
    other = {"label": "Way", "variants": {"long": "The long one", "new": "The new one"}}
    text = words(show(current=False, varied=other, expect=["time.new < time.long"]))
    assert "nobody has the figures for what is asked now" in text
    assert "4 (3 to 5)" not in text


def test_what_was_not_measured_says_so(show: Show) -> None:
    assert "Not measured yet" in words(show(None))


def test_a_topic_shows_only_its_own(show: Show, site: Site) -> None:
    other = make_record(topic="load-balancing/algorithms")
    page = site(guide=make_guide(measurements={"ways": other}))
    assert measured.experiments(page, page.guide.topics[TOPIC]) == "Nothing was measured for this topic yet."


def test_a_median_can_be_told_in_prose_and_is_unknown_before_anybody_measured(
    context: Callable[..., Context],
) -> None:
    assert measurements.median(context(make_record(), RESULT), "ways", "time", "long") == "4 ms"
    assert measurements.median(context(make_record(), None), "ways", "time", "long") == "unknown"


@pytest.mark.parametrize(
    "asked", [("roads", "time", "long"), ("ways", "speed", "long"), ("ways", "time", "broad")]
)
def test_a_median_that_nobody_asks_for_is_named(
    context: Callable[..., Context], asked: tuple[str, str, str]
) -> None:
    with pytest.raises(LookupError, match=f"`{asked[1]}` of `{asked[2]}` in measurement `{asked[0]}`"):
        measurements.median(context(make_record(), RESULT), *asked)
