"""The built site passes every gate, as served and as read from disk."""

import hashlib
import json
import re
from pathlib import Path

import yaml

from macros.knowledge import known
from tests.site import gates
from tests.site.conftest import ROOT

DOCS = ROOT / "docs"
WORKER = DOCS / "assets" / "vendor" / "iframe-worker-1.0.4.js"
WORKER_SHA256 = "e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609"


def written_topics() -> list[str]:
    return list(known(ROOT / "data", ROOT / "no-reports").guide.topics)


def test_no_page_holds_the_error_of_a_macro(site: Path) -> None:
    assert gates.macro_errors(site) == []


def test_no_macro_was_left_unrun(site: Path) -> None:
    assert gates.stray_templates(site) == []


def test_nothing_is_loaded_from_another_site(site: Path) -> None:
    assert gates.external_assets(site) == []


def test_every_link_anchor_and_asset_leads_somewhere(site: Path) -> None:
    assert gates.broken_links(site) == []


def test_every_topic_and_runbook_has_its_page() -> None:
    guide = known(ROOT / "data", ROOT / "no-reports").guide
    wanted = [*guide.topics, *(f"runbooks/{name}" for name in guide.runbooks)]
    assert [page for page in wanted if not (DOCS / f"{page}.md").is_file()] == []


def test_every_fact_can_be_linked_to_on_its_page(site: Path) -> None:
    ids = {id for page in gates.pages(site) for id in page.ids}
    facts = known(ROOT / "data", ROOT / "no-reports").guide.facts
    assert [fact for fact in facts if fact not in ids] == []


def test_every_written_topic_can_be_searched(served: Path) -> None:
    index = json.loads((served / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].split("#")[0].rstrip("/") for entry in index["docs"]}
    assert [topic for topic in written_topics() if topic not in found] == []


def test_no_front_matter_hides_the_macros() -> None:
    hiding = [path for path in DOCS.rglob("*.md") if "sg" in front_matter(path)]
    assert hiding == []


def test_every_call_of_a_block_stands_alone_on_its_line() -> None:
    """A block that is indented, or shares its line with prose, comes out as text and not as HTML."""
    inline = ("value", "expect", "used", "ref", "lost", "median")
    wrong = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in DOCS.rglob("*.md")
        for line in path.read_text("utf-8").splitlines()
        for call in re.findall(r"\{\{\s*sg\.(\w+)", line)
        if call not in inline and not re.fullmatch(r"\{\{\s*sg\.\w+\([^}]*\)\s*\}\}", line)
    ]
    assert wrong == []


def test_the_search_worker_is_the_published_one_and_keeps_its_licence() -> None:
    assert hashlib.sha256(WORKER.read_bytes()).hexdigest() == WORKER_SHA256
    assert "Martin Donath" in WORKER.with_name("iframe-worker-1.0.4.LICENSE.txt").read_text()


def front_matter(path: Path) -> dict[str, object]:
    text = path.read_text("utf-8")
    return yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else {}
