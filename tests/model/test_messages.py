"""A message is found in a line, and its record says where to read on."""

from typing import Any

import pytest
from pydantic import ValidationError

from scaling_guide.model.messages import Message
from scaling_guide.model.questions import Question


def message(**changes: Any) -> Message:
    return Message.model_validate(
        {
            "text": "server (1) is gone.",
            "example": "[error] server (1) is gone.",
            "cause": "It is gone.",
            "page": "load-balancing/health-checks#gone",
            "source": "https://example.com/",
            **changes,
        }
    )


def test_a_text_is_found_as_it_is_written() -> None:
    assert message().is_in("12:00 server (1) is gone.")
    assert not message().is_in("12:00 server 1 is gone!")


def test_a_pattern_is_found_in_place_of_the_text() -> None:
    found = message(pattern=r"server \(\d+\) is gone")
    assert found.is_in("server (37) is gone")
    assert not found.is_in("server (x) is gone")


@pytest.mark.parametrize("pattern", ["server (", "x*", "a|"])
def test_a_pattern_compiles_and_matches_no_empty_line(pattern: str) -> None:
    with pytest.raises(ValidationError):
        message(pattern=pattern)


def test_a_message_names_a_topic_and_a_place_on_its_page() -> None:
    assert (message().topic, message().anchor) == ("load-balancing/health-checks", "gone")


@pytest.mark.parametrize("page", ["#gone", "load-balancing/health-checks", "health-checks#gone"])
def test_a_page_is_a_topic_with_an_anchor(page: str) -> None:
    with pytest.raises(ValidationError):
        message(page=page)


def test_versions_may_be_written_as_a_number() -> None:
    assert message(versions=2.4).versions == "2.4"
    assert message().versions == "all"


def question(**changes: Any) -> Question:
    asked = {"question": "Why?", "asked": "https://example.com/", "answer": "#why", "needs": ["because"]}
    return Question.model_validate({**asked, **changes})


def test_a_question_is_answered_on_its_own_page_or_on_another() -> None:
    own, other = question(), question(answer="performance/network#ports")
    own._topic = other._topic = "performance/memory"
    assert (own.page, own.anchor) == ("performance/memory", "why")
    assert (other.page, other.anchor) == ("performance/network", "ports")


@pytest.mark.parametrize("changes", [{"needs": []}, {"asked": "a colleague"}, {"answer": "why"}])
def test_a_question_is_whole(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        question(**changes)


def test_words_may_be_numbers() -> None:
    assert question(words=[502, 2.4, "bad gateway"]).words == ("502", "2.4", "bad gateway")
