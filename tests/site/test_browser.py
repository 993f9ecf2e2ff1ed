"""The whole site in Chromium: as served and from disk, light and dark, on a desktop and on a phone."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize, expect

from tests.site.conftest import Browsed

pytestmark = pytest.mark.browser

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
ColorScheme = Literal["light", "dark"]
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
PICKER = "Your peak requests per second"


@pytest.fixture
def problems() -> list[str]:
    """What went wrong in the browser, for a test to find empty."""
    return []


@contextmanager
def opened(browser: Browser, problems: list[str], **options: Any) -> Iterator[Page]:
    """A fresh page, which notes every request to another site and every error on its console."""

    def note_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    def note_request(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:")):
            problems.append(f"request: {request.url}")

    context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
    context.on("console", note_console)
    context.on("request", note_request)
    context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
    yield context.new_page()
    context.close()


@pytest.fixture
def open_page(browser: Browser, problems: list[str]) -> Iterator[Callable[..., Page]]:
    """Opens fresh pages."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(opened(browser, problems, **options))


@dataclass
class Walk:
    """What one visit of every page of a build found, by what a test asks for."""

    problems: list[str]
    wide_pages: list[str] = field(default_factory=list)
    wide_tables: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


WIDE_TABLES = """tables => tables.filter(table => {
    const box = table.closest(".md-typeset__scrollwrap") ?? table
    return box.offsetWidth > box.parentElement.clientWidth
}).map(table => `${location.pathname} ${table.className} ${table.innerText.slice(0, 80)}`)"""
KINDS = """() => [...new Set([...document.querySelectorAll("[class]")]
    .flatMap(element => [...element.classList].map(name => `${element.localName}.${name}`)))]"""


def show(page: Page, size: ViewportSize, scheme: ColorScheme) -> None:
    """Show an open page on another screen, as by turning a phone, and in another scheme."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    # what the page does about its new size is done by then
    page.evaluate("new Promise(done => requestAnimationFrame(done))")


def look(page: Page, address: str, walk: Walk) -> None:
    """Note what of an open page does not fit the screen."""
    size = page.viewport_size
    assert size is not None
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > size["width"]:
        walk.wide_pages.append(f"{address} is {width} px wide on a screen of {size['width']}")
    if size == DESKTOP:
        walk.wide_tables += page.eval_on_selector_all("table", WIDE_TABLES)


@pytest.fixture(scope="module")
def walk(browser: Browser, over_http: Browsed) -> Walk:
    """Every served page: loaded on a light desktop, then shown on a dark phone.

    Axe looks at each in light, and in dark at each that has a kind of element that none before it had.
    """
    problems: list[str] = []
    walk = Walk(problems)
    seen: set[str] = set()
    with opened(browser, problems, color_scheme="light") as page:
        for address in over_http.addresses():
            show(page, DESKTOP, "light")
            page.goto(address)
            look(page, address, walk)
            walk.violations += [f"{address}: {each}" for each in violations(page)]
            kinds = set(page.evaluate(KINDS))
            show(page, PHONE, "dark")
            look(page, address, walk)
            if kinds - seen:
                walk.violations += [f"{address} in dark: {each}" for each in violations(page)]
                seen |= kinds
    return walk


@pytest.fixture(scope="module")
def walk_from_disk(browser: Browser, from_disk: Browsed) -> Walk:
    """Every page from disk: loaded on a dark phone, then shown on a light desktop."""
    problems: list[str] = []
    walk = Walk(problems)
    with opened(browser, problems, color_scheme="dark") as page:
        for address in from_disk.addresses():
            show(page, PHONE, "dark")
            page.goto(address)
            look(page, address, walk)
            show(page, DESKTOP, "light")
            look(page, address, walk)
    return walk


def test_every_page_asks_nobody_else_and_logs_no_error(walk: Walk, walk_from_disk: Walk) -> None:
    assert walk.problems == walk_from_disk.problems == []


def test_every_page_fits_a_phone(walk: Walk, walk_from_disk: Walk) -> None:
    assert walk.wide_pages == walk_from_disk.wide_pages == []


def test_no_table_is_wider_than_its_column(walk: Walk, walk_from_disk: Walk) -> None:
    assert walk.wide_tables == walk_from_disk.wide_tables == []


def test_every_page_is_accessible(walk: Walk) -> None:
    assert walk.violations == []


def test_a_walk_notes_what_is_wrong_with_a_page(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        "<main><h1>Broken</h1><p><img src=x.png></p><table style='width:3000px'><tr><td>x</table></main>"
        "<script src='http://192.0.2.1/x.js'></script><script>fail()</script>"
    )
    problems: list[str] = []
    walk = Walk(problems)
    with opened(browser, problems) as page:
        page.route("http://192.0.2.1/*", lambda route: route.abort())
        page.goto(f"{tmp_path.as_uri()}/index.html")
        look(page, "it", walk)
        found = violations(page)
    assert "request: http://192.0.2.1/x.js" in problems
    assert "script: fail is not defined" in " ".join(problems)
    assert re.fullmatch(r"it is 30\d\d px wide on a screen of 1280", "".join(walk.wide_pages))
    assert len(walk.wide_tables) == 1
    assert {each.split()[0] for each in found} >= {"image-alt", "html-has-lang"}


def test_a_link_to_a_setting_opens_what_is_folded_there(open_page: Any, browsed: Browsed) -> None:
    page = open_page()
    page.goto(browsed.address("load-balancing/configuration"))
    anchor = page.locator(".sg-settings tr[id]").last.get_attribute("id")
    folded = page.locator(f"#{anchor} + tr details p").first
    expect(folded).to_be_hidden()
    page.goto(f"{page.url}#{anchor}")
    expect(folded).to_be_visible()
    page.goto(browsed.address("runbooks/drain-and-replace-backend"))
    link = page.locator(".sg-phase li a[href*='#']").first
    name = link.get_attribute("href").partition("#")[2]
    link.click()
    expect(page.locator(f"#{name} + tr details p").first).to_be_visible()


def test_what_is_folded_on_a_screen_is_there_on_paper(open_page: Any, over_http: Browsed) -> None:
    page = open_page()
    page.goto(over_http.address("load-balancing/algorithms"))
    hidden = """() => [...document.querySelectorAll(".sg-fold p, .sg-more p")].filter(
        line => !line.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})).length"""
    assert page.evaluate(hidden) > 0
    page.emulate_media(media="print")
    assert page.evaluate(hidden) == 0


def test_a_config_file_shows_the_tier_that_was_picked_on_every_page(
    open_page: Any, problems: list[str], browsed: Browsed
) -> None:
    page = open_page()
    page.goto(browsed.address("load-balancing/configuration"))
    config = page.locator(".sg-config").first
    assert "tier medium" not in config.inner_text()
    config.get_by_label("Show the whole file").check()
    expect(config.locator("code").first).to_contain_text("tier medium")
    config.get_by_role("button", name="large").click()
    assert "tier large" in config.locator("code").first.inner_text()
    assert "tier medium" not in config.locator("code").first.inner_text()
    expect(config.locator("[data-diff]").first).to_contain_text("--- large\n+++ small")
    page.goto(browsed.address("load-balancing/algorithms"))
    expect(page.locator(".sg-config button[aria-pressed=true]").first).to_have_text("large")
    assert problems == []


def test_lines_of_a_config_file_lead_to_their_settings(open_page: Any, browsed: Browsed) -> None:
    page = open_page()
    page.goto(browsed.address("load-balancing/configuration"))
    line = page.locator(".sg-config code a:visible").first
    anchor = line.get_attribute("href")
    line.click()
    expect(page.locator(anchor)).to_be_in_viewport()


def test_the_themes_search_finds_a_word_of_another_page(
    open_page: Any, problems: list[str], browsed: Browsed
) -> None:
    page = open_page()
    page.goto(browsed.address("index"))
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("drain and replace")
    title = page.get_by_role("heading", name="Drain and replace")
    page.locator(".md-search-result__list .md-search-result__link", has=title).first.click()
    expect(page.locator("h1")).to_contain_text("Drain and replace")
    assert problems == []


def test_the_picker_names_the_tier_of_a_peak(open_page: Any, problems: list[str], browsed: Browsed) -> None:
    page = open_page()
    page.goto(browsed.address("tiers"))
    tiers = page.locator("[data-peak]").evaluate_all(
        "rows => rows.map(row => [row.dataset.tier, row.dataset.title, Number(row.dataset.peak)])"
    )
    for tier, title, peak in tiers:
        page.get_by_label(PICKER).fill(str(peak))
        expect(page.locator(".sg-picker output")).to_contain_text(f"{title}. Sized for a peak")
        assert page.evaluate("document.documentElement.dataset.sgTier") == tier
    page.get_by_label(PICKER).fill(str(tiers[-1][2] + 1))
    expect(page.locator(".sg-picker output")).to_contain_text("says nothing about more")
    assert page.evaluate("document.documentElement.dataset.sgTier") is None
    assert problems == []


def test_the_picked_tier_is_marked_on_other_pages(open_page: Any, browsed: Browsed) -> None:
    page = open_page()
    page.goto(browsed.address("tiers"))
    page.get_by_label(PICKER).fill("1")
    page.goto(browsed.address("load-balancing/configuration"))
    colours = dict(
        page.locator("th[data-tier]").evaluate_all(
            "heads => heads.map(head => [head.dataset.tier, getComputedStyle(head).backgroundColor])"
        )
    )
    assert colours["small"] != colours["medium"] == colours["large"]


def test_the_supabase_calculator_answers_what_is_typed(
    open_page: Any, problems: list[str], browsed: Browsed
) -> None:
    page = open_page()
    page.goto(browsed.address("database-scaling/supabase-plan"))
    answer = page.locator(".sg-supabase output")
    expect(answer).to_have_text(page.locator(".sg-supabase-step strong").inner_text())
    page.get_by_label("Disk in use, %").fill("85")
    expect(answer).to_contain_text("Next step: a disk of 60 GB.")
    page.get_by_label("Disk in use, %").fill("40")
    page.get_by_label("The dearest queries were looked at this month").uncheck()
    expect(answer).to_contain_text("before any money")
    page.get_by_label("Plan", exact=True).select_option("free")
    expect(answer).to_contain_text("Next step: the Pro plan.")
    page.get_by_label("Read replicas").fill("")
    expect(answer).to_have_text("Each field needs a number of 0 or more.")
    assert problems == []


def test_the_tiers_can_be_read_without_scripts(open_page: Any, browsed: Browsed) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(browsed.address("tiers"))
    expect(page.locator(".sg-picker")).to_be_hidden()
    expect(page.get_by_role("row", name=re.compile("Medium"))).to_be_visible()


def test_paper_is_light_whatever_the_screen_shows(open_page: Any, over_http: Browsed) -> None:
    inked = "getComputedStyle(document.querySelector('h1')).color"
    page = open_page(color_scheme="light")
    page.goto(over_http.address("index"))
    on_a_light_screen = page.evaluate(inked)
    page = open_page(color_scheme="dark")
    page.goto(over_http.address("index"))
    assert page.evaluate(inked) != on_a_light_screen
    page.emulate_media(media="print")
    assert page.evaluate(inked) == on_a_light_screen


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, with the first element that has it."""
    # axe would fetch the style sheets once more, which a page from disk must not
    options = {"runOnly": RULES, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    nodes = [(each["id"], node["html"]) for each in found for node in each["nodes"]]
    # a long sidebar scrolls to the current page, and a link that is cut by its edge is taken for a small one
    cut = [("target-size", html) for _, html in nodes if 'class="md-nav__link' in html]
    return [f"{name} {html[:160]}" for name, html in nodes if (name, html) not in cut]
