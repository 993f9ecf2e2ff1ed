"""The Supabase blocks are complete without scripts, and carry what the calculator needs."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from macros import supabase
from macros.context import Context
from scaling_guide.model.load import examine
from scaling_guide.systems.supabase.capacity import next_step
from scaling_guide.systems.supabase.plans import SupabasePlans
from tests.macros.conftest import Site

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def sold() -> SupabasePlans:
    guide, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"})
    assert guide is not None
    return guide.plans["supabase"]


@pytest.fixture
def page(site: Site, sold: SupabasePlans) -> Context:
    context = site()
    sources = {cited.ref: next(iter(context.guide.sources.values())) for cited in sold.sources.values()}
    guide = context.guide.model_copy(
        update={"plans": {"supabase": sold}, "sources": {**context.guide.sources, **sources}}
    )
    return site(guide=guide)


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_every_plan_is_a_column_and_every_meter_a_row(page: Context, sold: SupabasePlans) -> None:
    table = soup(supabase.plans(page))
    assert [each.get_text() for each in table.select("thead th")][1:] == ["Free", "Pro", "Team", "Enterprise"]
    rows = {
        row.th.get_text(): [cell.get_text() for cell in row.select("td")] for row in table.select("tbody tr")
    }
    assert rows["Price of the organization"] == ["$0", "$25", "$599", "agreed on"]
    for meter in sold.meters.values():
        cells = next(cells for title, cells in rows.items() if title.startswith(f"{meter.title} ("))
        assert cells[-1] == "agreed on"


def test_a_size_shows_what_the_next_one_and_a_replica_add(page: Context) -> None:
    rows = {
        row.th.get_text(): [cell.get_text() for cell in row.select("td")]
        for row in soup(supabase.sizes(page)).select("tbody tr")
    }
    assert rows["Small"][:3] == ["$15", "$45.00", "$16.25"]
    assert rows["Micro"][:3] == ["$10", "$5.00", "none"]
    assert rows["16XL"][1] == "ask"


def test_the_rules_show_the_numbers_of_the_data(page: Context, sold: SupabasePlans) -> None:
    text = soup(supabase.rules(page)).get_text()
    assert f"CPU over {sold.rules.cpu:.0%}" in text
    assert f"it grows by itself at {sold.disk.grows_at:.0%}" in text


def test_the_example_is_computed_where_no_script_runs(page: Context, sold: SupabasePlans) -> None:
    shown = soup(supabase.step(page))
    step = next_step(sold, supabase.EXAMPLE_USAGE, supabase.EXAMPLE_SEEN)
    answer = supabase.answer(sold, supabase.EXAMPLE_USAGE, step)
    assert shown.strong.get_text() == shown.output.get_text() == answer
    assert answer == (
        "Next step: compute size Medium. Because: CPU. It adds $45.00 a month. You pay $34.00 now."
    )
    assert shown.form.has_attr("hidden")


def test_every_field_has_a_label_and_a_place_in_the_inputs(page: Context) -> None:
    shown = soup(supabase.step(page))
    carried = json.loads(shown.find(id="sg-supabase-data").string)
    for field in shown.select("[data-of]"):
        assert shown.find("label", attrs={"for": field["id"]}).get_text()
        inputs = carried["usage"]["metered"] if field["data-of"] == "metered" else carried[field["data-of"]]
        assert field["name"] in inputs
    assert carried["sold"]["plans"]["pro"]["monthly"] == 25


def test_the_data_cannot_end_its_script(page: Context) -> None:
    assert str(supabase._script({"title": "</script><b>&"})) == (
        '{"title": "\\u003c/script>\\u003cb>\\u0026"}'
    )


def test_a_guide_without_the_plans_says_so(site: Site) -> None:
    guide = site().guide.model_copy(update={"plans": {}})
    with pytest.raises(LookupError, match=r"plans/supabase\.yml"):
        supabase.plans(site(guide=guide))
