"""What servers print: error messages and log lines, with their cause and where to read on."""

import re
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, PrivateAttr

from scaling_guide.model.questions import Place, Url, Words
from scaling_guide.model.record import Id, Record, Text


def _narrow(pattern: str) -> str:
    """The pattern, which must compile and must not match an empty line."""
    try:
        matches_nothing = re.compile(pattern).search("")
    except re.error as error:
        raise ValueError(f"a regular expression is needed ({error})") from None
    if matches_nothing:
        raise ValueError("a pattern is needed that does not match an empty line")
    return pattern


class Message(Record):
    """A message of one product. `text` is its constant part, `example` a whole line as it is printed.

    A line is this message where `pattern` (a Python regular expression) is found in it; by default the text
    itself is looked for.
    """

    text: Text
    pattern: Annotated[Text, AfterValidator(_narrow)] | None = None
    example: Text
    versions: Words = "all"
    cause: Text
    page: Place
    runbook: Id | None = None
    source: Url

    _id: str = PrivateAttr(default="")
    _product: str = PrivateAttr(default="")

    @property
    def id(self) -> str:
        """The key of the record, unique over all products."""
        return self._id

    @property
    def product(self) -> str:
        """The system that prints it, from the name of its file."""
        return self._product

    @property
    def topic(self) -> str:
        """`section/topic` of the page to read on."""
        return self.page.partition("#")[0]

    @property
    def anchor(self) -> str:
        """The id of the heading on that page."""
        return self.page.partition("#")[2]

    @property
    def expression(self) -> str:
        """The pattern, or the text with nothing special in it."""
        return self.pattern or re.escape(self.text)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.expression)

    def is_in(self, line: str) -> bool:
        """Whether `line` holds this message."""
        return self.regex.search(line) is not None
