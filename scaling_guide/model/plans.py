"""What vendors charge for and limit, by the name of the system in `data/plans/<system>.yml`."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from scaling_guide.model.record import Record
from scaling_guide.model.sources import Citation


class Plans(Record):
    """The prices and limits of one vendor, as read on the day `seen`; believed for `keeps_days`.

    `RISING` names the figures of `sizes` that never fall from one size to the next.
    """

    RISING: ClassVar[tuple[str, ...]] = ()

    seen: date
    keeps_days: Annotated[int, Field(gt=0)]

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Where every part was read."""
        return ()

    @property
    def sizes(self) -> Mapping[str, Record]:
        """What the vendor sells in sizes, from the smallest to the largest."""
        return {}
