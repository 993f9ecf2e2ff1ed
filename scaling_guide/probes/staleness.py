"""Whether a process started before a file last changed, told from one look at its host.

A file has a wall clock time, a process a count of clock ticks since boot. `CLOCK` relates the two: it starts
a process, reads that process's own ticks, and notes the time before and after. All times are intervals, so
that a file written a moment before a reload is not held to be newer, however slow or coarse the host is.

The answer is blind for as long as a server takes from reading its files to starting the process that works
by them, and for the width of the interval after that: a few hundredths of a second, a second where the
host's `date` and `stat` know whole seconds only.
"""

import re
from dataclasses import dataclass

from scaling_guide.probes.observation import Malformed

CLOCK = "date +%s.%N; cat /proc/self/stat; date +%s.%N"

# Reads file names, prints when each last changed. The change time counts too, since a copy that was kept and
# is moved back has an old modification time; and so does that of a link itself.
CHANGES = """while IFS= read -r file; do
  stat -c '%.9Y %.9Z' -- "$file" && stat -L -c '%.9Y %.9Z' -- "$file"
done"""

# the same on every architecture that these servers run on
_TICKS_PER_SECOND = 100
_START_FIELD = 22


@dataclass(frozen=True)
class Clock:
    """One moment as both clocks tell it: a number of ticks, and the seconds that it lies between."""

    ticks: int
    after: float
    before: float

    def age(self, ticks: int) -> float:
        """How long ago a process started, in seconds."""
        return (self.ticks - ticks) / _TICKS_PER_SECOND

    def started_before(self, ticks: int, moment: float) -> bool:
        """Whether a process started before `moment` beyond doubt."""
        return self.before - self.age(ticks) + 1 / _TICKS_PER_SECOND < moment


def clock(text: str) -> Clock:
    """What `CLOCK` printed. Raises Malformed."""
    lines = text.split("\n")
    if len(lines) != 4:
        raise Malformed(f"the host's clock cannot be read: {text!r}")
    after, before = _second(lines[0]), _second(lines[2])
    return Clock(start_ticks(lines[1]), after[0], sum(before))


def newest_change(text: str) -> float:
    """The latest time that `CHANGES` printed. Raises Malformed."""
    if not text.strip():
        raise Malformed("the host does not say when the configuration changed")
    return max(_second(word)[0] for word in text.split())


def start_ticks(stat: str) -> int:
    """When a process started, from its line in `/proc/PID/stat`. Raises Malformed."""
    # the second field is a name and may hold spaces and brackets
    fields = stat.rpartition(") ")[2].split()
    try:
        return int(fields[_START_FIELD - 3])
    except (IndexError, ValueError):
        raise Malformed(f"/proc tells no start time: {stat!r}") from None


def _second(text: str) -> tuple[float, float]:
    """A time in seconds and how far it may lie beyond: a `date` without nanoseconds leaves `%N` as it is."""
    match = re.fullmatch(r"([0-9]+)(?:[.,]([0-9]*)(?:%?N)?)?", text)
    if not match:
        raise Malformed(f"the host tells no time: {text!r}")
    fraction = match[2] or ""
    return float(f"{match[1]}.{fraction or 0}"), 0.0 if fraction else 1.0
