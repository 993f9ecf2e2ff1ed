"""Questions and messages: what they point at exists, and each is there once."""

from collections.abc import Iterator
from datetime import date
from functools import cache

from scaling_guide.model.guide import Guide
from scaling_guide.model.messages import Message
from scaling_guide.model.names import instead
from scaling_guide.model.pages import docs, places
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.questions import Question
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.systems import systems


def dangling_anchor(guide: Guide, today: date) -> Iterator[Problem]:
    """A place that no page has. Data that came without pages is not judged."""
    folder = docs(guide)
    if folder is None:
        return
    topics = _topics(guide)
    known = cache(lambda topic: places(guide, folder, topic))
    for record, page, anchor, key in _pointers(guide):
        if page in topics and anchor not in known(page):
            what = f"docs/{page}.md has no heading #{anchor}"
            repair = f"give a heading that id, `### Title {{#{anchor}}}`, or name another"
            if known(page):
                repair += f"; {instead(anchor, known(page))}"
            yield problem(record, "UNKNOWN_ANCHOR", what, repair, key)


def dangling_page(guide: Guide, today: date) -> Iterator[Problem]:
    known = _topics(guide)
    for topic_id in guide.questions:
        if topic_id not in known:
            file = guide.directory / "questions" / f"{topic_id}.yml"
            what = f"questions/{topic_id}.yml belongs to no topic of guide.yml"
            yield Problem(Location(file), "UNKNOWN_TOPIC", what, "name it as its topic is named")
    for record, page, _, key in _pointers(guide):
        if page not in known and page not in guide.questions:
            yield problem(record, "UNKNOWN_TOPIC", f"{page} is no topic", "name a topic of guide.yml", key)


def message_runbook(guide: Guide, today: date) -> Iterator[Problem]:
    for message in guide.messages:
        if message.runbook is not None and message.runbook not in guide.runbooks:
            what = f"message {message.id} names runbook {message.runbook}"
            repair = instead(message.runbook, guide.runbooks)
            yield problem(message, "UNKNOWN_RUNBOOK", what, repair, "runbook")


def unknown_product(guide: Guide, today: date) -> Iterator[Problem]:
    products = set(systems())
    for message in guide.messages:
        if message.product not in products:
            what = f"message {message.id} is of {message.product}, which is no system"
            repair = f"name the file after one of {', '.join(sorted(products))}"
            yield problem(message, "UNKNOWN_PRODUCT", what, repair)


def example_without_message(guide: Guide, today: date) -> Iterator[Problem]:
    for message in guide.messages:
        if not message.is_in(message.example):
            what = f"the pattern of {message.id} is not found in its example"
            repair = "correct the pattern (by default it is the text), or the example"
            yield problem(message, "PATTERN_WITHOUT_EXAMPLE", what, repair, "example")


def said_twice(guide: Guide, today: date) -> Iterator[Problem]:
    """The same text of two messages, or of two questions."""
    seen: dict[tuple[str, str], Message | Question] = {}
    said: list[tuple[str, Message | Question, str]] = [
        *((message.text, message, "text") for message in guide.messages),
        *((each.question, each, "question") for asked in guide.questions.values() for each in asked),
    ]
    for text, record, key in said:
        name = (key, " ".join(text.casefold().split()))
        if name in seen:
            what = f"`{text}` stands at {seen[name].place(key)} too"
            yield problem(record, "DUPLICATE_TEXT", what, "keep one of them, and say all there", key)
        seen.setdefault(name, record)


def _topics(guide: Guide) -> set[str]:
    return {f"{section.id}/{entry.id}" for section in guide.sections for entry in section.topics}


def _pointers(guide: Guide) -> Iterator[tuple[Message | Question, str, str, str]]:
    """Every record that names a place on a page: with the page, the anchor, and the key that names it."""
    for questions in guide.questions.values():
        for question in questions:
            yield question, question.page, question.anchor, "answer"
    for message in guide.messages:
        yield message, message.topic, message.anchor, "page"
