"""What runs publish as JSON: written, read back and described in `data/schema` by the same records."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError


def _a_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Moment = Annotated[str, AfterValidator(_a_moment), Field(json_schema_extra={"format": "date-time"})]
"""A point in time, as ISO 8601 with its offset."""


class Report(BaseModel):
    """A report. Keys that it does not know are ignored: a newer version may have added them.

    What follows from other values is written as well and not read back, so it is true of this version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    def text(self) -> str:
        """The report as JSON."""
        return json.dumps(self.document(), indent=1) + "\n"

    def document(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The report in a file. Raises OSError, and ValueError, naming the file, for one that is none."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ValueError(f"{path} is no report of this guide: {where}: {first['msg']}") from None
