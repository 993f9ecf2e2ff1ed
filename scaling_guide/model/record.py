"""What every record is: frozen, strict about keys, and aware of where it was written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from scaling_guide.model.problems import Location
from scaling_guide.model.units import Unit, meaning


def _a_duration(text: str) -> str:
    meaning(text, Unit.DURATION)
    return text


NOWHERE = Location(Path())
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Text = Annotated[str, Field(min_length=1)]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})*$", coerce_numbers_to_str=True)]
Duration = Annotated[Text, AfterValidator(_a_duration)]
Port = Annotated[int, Field(ge=1, le=65535)]
TierName = Literal["small", "medium", "large"]
TIERS: tuple[TierName, ...] = ("small", "medium", "large")


class Record(BaseModel):
    """A frozen record that refuses keys it does not know and knows where it was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)

    # a factory, since pydantic copies a default for every record
    _at: Location = PrivateAttr(default_factory=lambda: NOWHERE)
    _places: Mapping[str, Location] = PrivateAttr(default_factory=dict)

    @property
    def at(self) -> Location:
        """Where the record stands in its file."""
        return self._at

    def place(self, key: str) -> Location:
        """Where the value of `key` stands, or the record itself where the key is not written."""
        return self._places.get(key, self._at)
