"""The whole site in Chromium: as served and from disk, light and dark, on a desktop and on a phone."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.site import gates

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
SILENT = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]

Problems = list[str]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SILENT)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def base(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """The address of the site: of a server on loopback, or of its directory on disk."""
    if site == request.getfixturevalue("offline"):
        yield f"{site.as_uri()}/"
        return
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def open_context(browser: Browser, base: str) -> Iterator[Callable[..., tuple[BrowserContext, Problems]]]:
    """A context that notes every request to elsewhere and every error on the console."""
    opened = []

    def open_one(**options: Any) -> tuple[BrowserContext, Problems]:
        context = browser.new_context(viewport=DESKTOP, **options)
        opened.append(context)
        problems: Problems = []

        def note(message: ConsoleMessage) -> None:
            if message.type == "error":
                problems.append(f"console: {message.text}")

        context.on("request", lambda request: _note_foreign(request.url, base, problems))
        context.on("console", note)
        context.on("weberror", lambda error: problems.append(f"script: {error.error}"))
        return context, problems

    yield open_one
    for context in opened:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_quiet_accessible_and_fits_a_phone(
    open_context: Any, site: Path, base: str, scheme: str
) -> None:
    context, problems = open_context(color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    for address in addresses(site):
        page.set_viewport_size(DESKTOP)
        page.goto(base + address)
        problems += [f"{address}: {each}" for each in violations(page)]
        page.set_viewport_size(PHONE)
        problems += [f"{address}: {each}" for each in too_wide(page)]
    assert problems == []


def test_search_finds_a_word_of_another_page(open_context: Any, base: str, site: Path) -> None:
    context, problems = open_context()
    page = context.new_page()
    page.goto(base + addresses(site)[0])
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type("the mutant must land")
    result = page.locator(
        ".md-search-result__link", has=page.get_by_role("heading", name="Proof", exact=True)
    )
    expect(result).to_be_visible()
    result.click()
    expect(page.locator("h1")).to_contain_text("Proof")
    assert problems == []


@pytest.mark.parametrize(
    ("peak", "answer", "tier"),
    [
        ("50", "Small.", "small"),
        ("101", "Medium.", "medium"),
        ("20000", "Large.", "large"),
        ("20001", "Beyond", None),
    ],
)
def test_the_picker_names_the_tier_of_a_peak(
    open_context: Any, base: str, site: Path, peak: str, answer: str, tier: str | None
) -> None:
    context, problems = open_context()
    page = context.new_page()
    page.goto(base + address_of(site, "tiers"))
    page.get_by_label("Your peak requests per second").fill(peak)
    expect(page.locator(".sg-picker output")).to_contain_text(answer)
    assert page.evaluate("document.documentElement.dataset.sgTier") == tier
    assert problems == []


def test_the_picked_tier_is_marked_on_other_pages(open_context: Any, base: str, site: Path) -> None:
    context, _ = open_context()
    page = context.new_page()
    page.goto(base + address_of(site, "tiers"))
    page.get_by_label("Your peak requests per second").fill("50")
    page.goto(base + address_of(site, "load-balancing/configuration"))
    heads = page.locator("th[data-tier]")
    colours = dict(
        heads.evaluate_all("heads => heads.map(e => [e.dataset.tier, getComputedStyle(e).backgroundColor])")
    )
    assert colours["small"] != colours["medium"] == colours["large"]


def test_the_tiers_can_be_read_without_scripts(open_context: Any, base: str, site: Path) -> None:
    context, _ = open_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(base + address_of(site, "tiers"))
    expect(page.locator(".sg-picker")).to_be_hidden()
    expect(page.get_by_role("row", name=re.compile("Medium"))).to_be_visible()


def addresses(site: Path) -> list[str]:
    """Every page of the site, the front page first."""
    return [page.path.relative_to(site).as_posix() for page in gates.pages(site)]


def address_of(site: Path, name: str) -> str:
    """The address of a page in either build."""
    return next(each for each in (f"{name}/index.html", f"{name}.html") if (site / each).is_file())


def violations(page: Page) -> Problems:
    """What axe-core finds wrong, with the element."""
    # axe would fetch the style sheets once more, which a page from disk must not
    options = {"runOnly": RULES, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']} {each['nodes'][0]['html'][:160]}" for each in found]


def too_wide(page: Page) -> Problems:
    """The elements that make the page scroll sideways."""
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} px wide on a phone"] if width > PHONE["width"] else []


def _note_foreign(url: str, base: str, problems: Problems) -> None:
    if not url.startswith((base, "data:", "blob:")):
        problems.append(f"request: {url}")
