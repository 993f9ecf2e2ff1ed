"""A managed value is typed in one place, its fact: never as a literal in prose, a template or a check.

Managed is what a fact of the same topic expects or uses, as it is written (`65s`, `least_conn`) and as a
reader would write it (`65 s`), if it has two characters or more and one of them is a digit, `_` or `$`: words
and single digits say too little. Templates are held against all facts of their system.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from scaling_guide.model.expectation import as_list
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.record import TIERS
from scaling_guide.model.units import words
from tests.model.conftest import FIXTURES, GOOD

REPO = Path(__file__).parents[1]
LITERALS = FIXTURES / "literals"

# what is typed and yet no copy of the managed value: file, literal, and why
ALLOWED: dict[tuple[str, str], str] = {
    ("docs/load-balancing/algorithms.md", "least_conn"): "a method that is compared, not the one in force",
    ("docs/load-balancing/algorithms.md", "random two least_conn"): "a method that is compared",
    ("docs/load-balancing/algorithms.md", "random(2)"): "a method that is compared",
    (
        "docs/load-balancing/configuration.md",
        "upstream_status",
    ): "the name of a log field, in an example of it",
    ("docs/load-balancing/configuration.md", "200"): "an HTTP status",
    ("docs/load-balancing/configuration.md", "16"): "HAProxy's default size of a buffer",
    ("docs/load-balancing/health-checks.md", "200"): "an HTTP status",
    ("docs/load-balancing/ssl-termination.md", "ECDSA P-256"): "a choice that is discussed",
    ("docs/load-balancing/ssl-termination.md", "RSA 2048"): "a choice that is discussed",
    ("docs/database-scaling/connection-pooling.md", "20"): "clients of a measurement",
    ("docs/database-scaling/query-optimization.md", "3 s"): "a limit at Supabase",
    ("docs/database-scaling/read-replicas.md", "12"): "seconds of a measurement",
    ("docs/database-scaling/supabase-plan.md", "600"): "IOPS of a size, after a comma",
    ("docs/performance/database-queries.md", "16"): "a version of PostgreSQL",
    ("docs/performance/database-queries.md", "200"): "transactions, in millions",
    ("docs/performance/database-queries.md", "auto_explain"): "the module that writes plans",
    ("docs/performance/database-queries.md", "pg_stat_statements"): "the view that is asked",
    ("data/templates/postgres/postgresql.conf.j2", "pg_stat_statements"): "the prefix of its settings",
    ("data/templates/postgres/postgresql.conf.j2", "auto_explain"): "the prefix of its settings",
    ("data/templates/haproxy/haproxy.cfg.j2", "h2"): "what is offered; the fact is about what is agreed on",
    ("data/templates/nginx/nginx.conf.j2", "$remote_addr"): "the client in the access log, not the header",
    ("data/templates/nginx/nginx.conf.j2", "64k"): "the buffer of the access log, not the shared memory",
    ("data/templates/nginx/nginx.conf.j2", "1s"): "how often the access log is flushed",
}

JINJA = (r"\{\{.*?\}\}", r"\{%.*?%\}", r"\{#.*?#\}")
NOT_PROSE = (r"^(?P<fence>```|~~~).*?^(?P=fence)", *JINJA, r"\]\([^)]*\)", r"<[^>]*>")


def managed(facts: Iterable[Fact]) -> set[str]:
    """The literals that stand for values of `facts`."""
    values = (
        (fact, value) for fact in facts for tier in TIERS for value in (fact.value(tier), fact.used(tier))
    )
    items = ((fact, item) for fact, value in values for item in as_list(value))
    forms = chain.from_iterable((str(item), words(item, fact.unit)) for fact, item in items)
    return {form for form in forms if len(form) > 1 and re.search(r"[0-9_$]", form) and "{" not in form}


def blanked(text: str, patterns: Iterable[str]) -> str:
    """`text` without what matches, in as many lines as before."""
    for pattern in patterns:
        text = re.sub(f"(?ms){pattern}", lambda found: " " + "\n" * found.group().count("\n"), text)
    return text


def typed(text: str, literals: set[str]) -> Iterator[tuple[int, str]]:
    """Line and literal of each managed value in `text`; the longest where one contains another."""
    longest_first = sorted(map(re.escape, literals), key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w./$-])({'|'.join(longest_first)})(?![\w/-]|[.,][0-9])")
    for number, line in enumerate(text.splitlines(), start=1):
        for found in pattern.finditer(line) if literals else ():
            yield number, found.group(1)


def pages(guide: Guide, docs: Path) -> Iterator[tuple[Path, list[Fact], tuple[str, ...]]]:
    for owner in guide.topics.values():
        yield docs / f"{owner.id}.md", list(owner.facts.values()), NOT_PROSE
    for runbook in guide.runbooks.values():
        facts = [*runbook.facts.values(), *guide.runbook_facts(runbook.id)]
        yield docs / "runbooks" / f"{runbook.id}.md", facts, NOT_PROSE


def checks(guide: Guide, directory: Path) -> Iterator[tuple[Path, list[Fact], tuple[str, ...]]]:
    for path in directory.glob("*/test_*.py"):
        name = path.stem.removeprefix("test_").replace("_", "-")
        owner = guide.topics.get(f"{path.parent.name}/{name}") or guide.runbooks.get(name)
        yield path, list(owner.facts.values()) if owner else [], ()


def templates(guide: Guide, directory: Path) -> Iterator[tuple[Path, list[Fact], tuple[str, ...]]]:
    for path in directory.glob("*/*.j2"):
        yield path, [fact for fact in guide.facts.values() if path.parent.name in fact.systems], JINJA


def found_in(guide: Guide, root: Path, template_directory: Path) -> set[tuple[str, int, str]]:
    """File below `root`, line and literal of every managed value that is typed."""
    sources = chain(
        pages(guide, root / "docs"), checks(guide, root / "checks"), templates(guide, template_directory)
    )
    return {
        (path.relative_to(root).as_posix(), number, literal)
        for path, facts, ignored in sources
        if path.exists()
        for number, literal in typed(blanked(path.read_text("utf-8"), ignored), managed(facts))
    }


@pytest.fixture(scope="module")
def found() -> set[tuple[str, int, str]]:
    guide, _ = examine(
        REPO / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": str(REPO), "user": "me"}
    )
    assert guide is not None
    return found_in(guide, REPO, REPO / "data" / "templates")


def test_no_managed_value_is_typed_outside_of_its_fact(found: set[tuple[str, int, str]]) -> None:
    typed_again = [
        f"{path}:{line} types `{literal}`: take it from its fact, or say in ALLOWED why it is something else"
        for path, line, literal in sorted(found)
        if (path, literal) not in ALLOWED
    ]
    assert typed_again == []


def test_every_exception_is_still_needed(found: set[tuple[str, int, str]]) -> None:
    assert set(ALLOWED) - {(path, literal) for path, _, literal in found} == set()


def test_literals_are_found_where_they_are_typed_and_nowhere_else() -> None:
    guide, _ = examine(GOOD, {"net": "127.42.0"})
    assert guide is not None
    marked = {
        (path.relative_to(LITERALS).as_posix(), number, literal)
        for path in LITERALS.rglob("*.*")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        for mark in re.findall(r"typed: ([^>]*?)(?: -->)?$", line)
        for literal in mark.split(", ")
    }
    assert found_in(guide, LITERALS, LITERALS / "templates") == marked
    assert {path.split("/")[0] for path, _, _ in marked} == {"docs", "checks", "templates"}


def test_single_digits_and_words_are_no_literals() -> None:
    guide, _ = examine(GOOD, {"net": "127.42.0"})
    assert guide is not None
    literals = managed(guide.facts.values())
    assert literals == {"30s", "30 s", "20s", "20 s", "100", "400", "200", "least_conn"}
