"""The classes of keys in a cache: whose they are, how long they live, and how they are made invalid."""

from typing import Annotated, Literal

from pydantic import Field

from scaling_guide.model.record import Duration, Id, Record, Text
from scaling_guide.model.units import Scalar


class Documented(Record):
    """A value that is documented as a fact, and not once more here."""

    fact: Id


class CacheKeys(Record):
    """A class of keys, told by how their names begin.

    A `value` can be computed again: it has a time to live with a jitter, a shorter one for what does not
    exist (`negative`), and a generation in its name, which a release raises when the form of the values
    changes. A `lock` ends by itself. A `session` lives here alone, and in no server that evicts.
    """

    title: Text
    kind: Literal["value", "lock", "session"]
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9:{}]+:$")]
    owner: Text
    ttl: Documented | Duration | None = None
    jitter: Documented | Scalar = None
    negative: Duration | None = None
    generation: Annotated[str, Field(pattern=r"^v[0-9]+$")] | None = None
    invalidation: Text

    @property
    def begins(self) -> str:
        """How the names begin, with the generation filled in."""
        return self.prefix.replace("{generation}", self.generation or "{generation}")
