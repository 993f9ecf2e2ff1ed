"""What practitioners ask about a topic, and where its page answers them."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PrivateAttr, WithJsonSchema

from scaling_guide.model.record import Record, Text

Url = Annotated[str, Field(pattern=r"^https?://\S+$")]
# on a topic's page: the id of a heading, a setting or a pitfall; an address without a page means the own page
Place = Annotated[str, Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+#[^\s#]+$")]
OwnPlace = Annotated[str, Field(pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?#[^\s#]+$")]


def _written(value: object) -> object:
    """A number as text: `502` and `2.4` are words too."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Words = Annotated[
    Text, BeforeValidator(_written), WithJsonSchema({"type": ["string", "number"], "minLength": 1})
]


class Question(Record):
    """A question that was really asked. `needs` are the key points of a complete answer.

    `words` are what people type who look for it, beyond the question's own words.
    """

    question: Text
    asked: Url
    answer: OwnPlace
    needs: Annotated[tuple[Text, ...], Field(min_length=1)]
    words: tuple[Words, ...] = ()

    _topic: str = PrivateAttr(default="")

    @property
    def topic(self) -> str:
        """`section/topic`, whose file the question stands in."""
        return self._topic

    @property
    def page(self) -> str:
        """`section/topic` of the page that answers it."""
        return self.answer.partition("#")[0] or self._topic

    @property
    def anchor(self) -> str:
        """The id of the heading below which the answer stands."""
        return self.answer.partition("#")[2]
