"""Questions and messages lead to the place on a page that answers them."""

from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from macros import words
from scaling_guide.model.guide import Guide
from scaling_guide.model.messages import Message
from scaling_guide.model.questions import Question
from tests.macros.conftest import Site
from tests.macros.small_guide import TOPIC, make_guide


def question(text: str, answer: str) -> Question:
    asked = {"question": text, "asked": "https://example.com/1", "answer": answer, "needs": ["why"]}
    made = Question.model_validate(asked)
    made._topic = TOPIC
    return made


def message(id: str, product: str = "nginx", **changes: Any) -> Message:
    record = {
        "text": f"{id} <upstream>",
        "example": f"[error] {id} <upstream>",
        "cause": "All `servers` are marked failed.",
        "page": f"{TOPIC}#failed",
        "source": "https://example.com/",
        **changes,
    }
    made = Message.model_validate(record)
    made._id, made._product = id, product
    return made


@pytest.fixture
def guide(docs: Path) -> Guide:
    (docs / f"{TOPIC}.md").write_text("# Configuration\n\n## When all fail {#failed}\n")
    return make_guide(
        directory=docs.parent / "data",
        questions={TOPIC: (question("Why 502?", "#failed"), question("Who?", f"{TOPIC}#failed"))},
        messages=(
            message("dead", runbook="drain", versions="1.3 and later"),
            message("full", "haproxy"),
            message("late"),
            message("other", page="load-balancing/algorithms#x"),
        ),
    )


def soup(site: Site, block: str, guide: Guide) -> BeautifulSoup:
    return BeautifulSoup(getattr(words, block)(site(guide=guide), guide.topics[TOPIC]), "html.parser")


def test_each_question_is_linked_to_its_answer(site: Site, guide: Guide) -> None:
    links = soup(site, "questions", guide).find_all("a")
    assert [(link.get_text(), link["href"]) for link in links] == [
        ("Why 502?", "#failed"),
        ("Who?", "#failed"),
    ]


def test_messages_stand_by_product_with_cause_and_place(site: Site, guide: Guide) -> None:
    shown = soup(site, "messages", guide)
    groups = [body.find("th").get_text() for body in shown.find_all("tbody")]
    rows = [row.find("th").get_text() for row in shown.select("tr[id]")]
    assert (groups, rows) == (
        ["Nginx", "HAProxy"],
        ["dead <upstream> (1.3 and later)", "late <upstream>", "full <upstream>"],
    )
    row = shown.find(id="message-dead")
    assert "All servers are marked failed." in row.get_text()
    assert "1.3 and later" in row.get_text()
    assert [(link["href"], link.get_text()) for link in row.find_all("a")] == [
        ("#failed", "When all fail"),
        ("../../runbooks/drain/", "Drain a server"),
    ]


def test_what_is_not_collected_is_said_to_be_so(site: Site) -> None:
    bare = make_guide()
    assert "No questions are collected" in soup(site, "questions", bare).get_text()
    assert "No messages are collected" in soup(site, "messages", bare).get_text()
