"""What the search box finds first: messages, alerts, parameters, questions, pitfalls and titles.

The theme's own search joins words with OR and knows no phrase: a message that is pasted whole finds half of
the site. So a build writes what readers have in hand into one file, which `docs/assets/sg-find.js` loads when
the search box is opened.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from macros.context import Context, names
from scaling_guide.model.pages import headings, slug

DATA = "assets/sg-find-data.js"


class Entry(NamedTuple):
    """Something to be found. `words` and `body` are searched too, `pattern` finds it in a line."""

    kind: str
    title: str
    address: str
    words: str = ""
    body: str = ""
    pattern: str = ""


def write(site: Context, directory: Path) -> None:
    """Write the entries below `directory`, the built site, as a script: pages from disk may load no JSON."""
    path = directory / DATA
    path.parent.mkdir(parents=True, exist_ok=True)
    # what is empty at the end of an entry is left out
    rows = [_trimmed(entry) for entry in entries(site)]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"globalThis.sgFindData={text}\n", "utf-8")


def entries(site: Context) -> Iterator[Entry]:
    """Everything that can be found by name, with its address below the site."""
    yield from _messages(site)
    yield from _runbooks(site)
    yield from _topics(site)
    yield from _facts(site)


def _messages(site: Context) -> Iterator[Entry]:
    for message in site.guide.messages:
        if not site.links.has(f"{message.topic}.md"):
            continue
        product = names([message.product])
        page = site.links.address(f"{message.topic}.md", message.anchor)
        found = Entry("message", message.text, page, product, message.cause, message.expression)
        yield found
        if message.runbook:
            title = site.guide.runbooks[message.runbook].title
            address = site.links.address(f"runbooks/{message.runbook}.md")
            yield found._replace(kind="runbook", title=title, address=address, words=message.text)


def _runbooks(site: Context) -> Iterator[Entry]:
    for runbook in site.guide.runbooks.values():
        if not site.links.has(f"runbooks/{runbook.id}.md"):
            continue
        address = site.links.address(f"runbooks/{runbook.id}.md")
        whens = " ".join(finding.when for finding in runbook.diagnose)
        yield Entry("runbook", runbook.title, address, runbook.symptom, whens)
        for threshold in site.guide.thresholds.values():
            if threshold.runbook == runbook.id:
                words = f"{threshold.title} {runbook.title}"
                yield Entry("alert", threshold.alert, address, words, f"{threshold.why} {threshold.expr}")


def _topics(site: Context) -> Iterator[Entry]:
    for section in site.guide.sections:
        for entry in section.topics:
            id = f"{section.id}/{entry.id}"
            if not site.is_written(id):
                continue
            topic = site.guide.topics[id]
            page = f"{id}.md"
            yield Entry("page", entry.title, site.links.address(page), topic.outcome)
            for anchor, title in headings((site.links.docs / page).read_text("utf-8-sig")).items():
                yield Entry("section", title, site.links.address(page, anchor), entry.title)
            for pitfall in topic.pitfalls:
                body = f"{pitfall.because} {pitfall.instead}"
                address = site.links.address(page, slug(pitfall.title))
                yield Entry("pitfall", pitfall.title, address, pitfall.seen, body)
            for question in site.guide.questions.get(id, ()):
                if site.links.has(f"{question.page}.md"):
                    address = site.links.address(f"{question.page}.md", question.anchor)
                    words, body = " ".join(question.words), " ".join(question.needs)
                    yield Entry("question", question.question, address, words, body)


def _facts(site: Context) -> Iterator[Entry]:
    for fact in site.guide.facts.values():
        page = f"{fact.topic or f'runbooks/{fact.runbook}'}.md"
        if site.links.has(page):
            words = f"{fact.label} {names(fact.systems)}"
            title = site.parameter(fact) or fact.label
            kind = "setting" if site.parameter(fact) else "reading"
            yield Entry(kind, title, site.links.address(page, fact.id), words, fact.why)


def _trimmed(entry: Entry) -> list[str]:
    row = list(entry)
    while row[-1] == "":
        row.pop()
    return row
