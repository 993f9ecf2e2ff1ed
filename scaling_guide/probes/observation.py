"""What a probe brings back: an observation, or the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from scaling_guide.model.expectation import Undetermined as Undetermined

# below a setting: who is behind the value
HOLDER = "holder"


@dataclass(frozen=True)
class Observation:
    """One look at one target.

    `values` maps a setting (`backend app > server app-1 > weight`) to what was found: a scalar as the product
    writes it, or a list of scalars. Undetermined, with the reason, is in place of a value that the answer is
    too little for. `version` is the product's own word. `observed_at` is ISO 8601 in UTC, `seconds` is how
    long the look took.
    """

    probe: str
    target: str
    version: str
    observed_at: str
    seconds: float
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """A look that brought nothing back; `outcome` is the outcome of every check that needed it."""

    probe: str
    target: str
    outcome: str
    message: str
    observed_at: str
    seconds: float


class CannotObserve(Exception):
    """A probe could not look. Each kind ends in an outcome that is neither pass nor fail."""

    outcome: ClassVar[str]


class Unreachable(CannotObserve):
    """Nobody answers: refused, no route, no such host, dead transport, credentials refused."""

    outcome = "unreachable"


class Timeout(CannotObserve):
    """The deadline passed before an answer was complete."""

    outcome = "timeout"


class Unsupported(CannotObserve):
    """The target answers but has no such thing: too old, module missing, level too low."""

    outcome = "unsupported"


class Malformed(CannotObserve):
    """The answer makes no sense: truncated, of another protocol, or empty."""

    outcome = "error"


Result = Observation | Failure
Found = tuple[str, Mapping[str, Any]]

Need = tuple[str, str]
"""The name of a probe, and the id of a target."""


def now() -> str:
    """The time in ISO 8601 and UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
