"""Where figures come from, and how much each kind of source can be leaned on."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scaling_guide.model.record import Id, Record, Text


class SourceKind(StrEnum):
    """How much a number can be leaned on. The kind is shown beside every value."""

    VENDOR_LIMIT = "vendor limit"
    VENDOR_DEFAULT = "vendor default"
    VENDOR_ADVICE = "vendor advice"
    STANDARD = "standard"
    MEASURED = "measured"
    RULE_OF_THUMB = "rule of thumb"


class Source(Record):
    """A document or a measuring script that figures were read from."""

    title: Text
    url: Annotated[str, Field(pattern=r"^https://")] | None = None
    script: Text | None = None
    product: Text
    seen: date


class Citation(Record):
    """Where one value comes from: a source and what it says there, or the reasoning of a rule of thumb."""

    kind: SourceKind
    ref: Id | None = None
    says: Text
