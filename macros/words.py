"""What readers bring along: questions, and messages that servers print."""

from typing import NamedTuple

from macros.context import Context, names
from macros.escape import fill
from scaling_guide.model.messages import Message
from scaling_guide.model.pages import places
from scaling_guide.model.topics import Topic


class Product(NamedTuple):
    """A product and its messages on one page."""

    name: str
    messages: list[Message]


def questions(site: Context, topic: Topic) -> str:
    """The questions that the page answers, each linked to its answer."""
    asked = [
        (question.question, site.links.to(f"{question.page}.md", question.anchor))
        for question in site.guide.questions.get(topic.id, ())
    ]
    return fill("questions", asked=asked)


def messages(site: Context, topic: Topic) -> str:
    """What servers print that this page explains: the message, its cause, and where to go."""
    products: dict[str, list[Message]] = {}
    for message in site.guide.messages_of(topic.id):
        products.setdefault(message.product, []).append(message)
    shown = [Product(names([name]), members) for name, members in products.items()]
    titles = places(site.guide, site.links.docs, topic.id)
    return fill("messages", site=site, products=shown, titles=titles)
