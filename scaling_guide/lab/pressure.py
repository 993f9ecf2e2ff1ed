"""How much of the time processes of this machine waited for a processor."""

import time
from pathlib import Path

# pressure stall information, Linux 4.20 and later, where it is not switched off
PRESSURE = Path("/proc/pressure/cpu")


class Pressure:
    """Counts from when it is made."""

    def __init__(self, source: Path = PRESSURE) -> None:
        self._source, self._begun, self._total = source, time.monotonic(), _total(source)

    def share(self) -> float:
        """The share of the time since then in which somebody waited; 0 where the kernel does not tell."""
        now, total = time.monotonic(), _total(self._source)
        return min(1.0, (total - self._total) / 1e6 / max(now - self._begun, 1e-6))


def _total(source: Path) -> int:
    """Microseconds since the machine started in which at least one process waited."""
    try:
        some = source.read_text().splitlines()[0]
        return int(some.rpartition("total=")[2])
    except (OSError, IndexError, ValueError):
        return 0
