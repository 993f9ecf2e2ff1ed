"""wrk: what it is told to report, and how that is read."""

import re
from dataclasses import dataclass

from scaling_guide.lab.measure.rig import NotMeasured, Rig

SCRIPT = "report.lua"
REPORT = """\
-- exact figures in place of rounded ones; `counted` is what a script of its own has counted
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
  local failed, counted = 0, 0
  for _, number in pairs(summary.errors) do failed = failed + number end
  for _, thread in ipairs(threads) do counted = counted + (thread:get("counted") or 0) end
  print(string.format("requests=%d failed=%d counted=%d bytes=%d microseconds=%d p99=%d",
    summary.requests, failed, counted, summary.bytes, summary.duration, latency:percentile(99)))
end
"""
_SAID = re.compile(
    r"^requests=(?P<requests>\d+) failed=(?P<failed>\d+) counted=(?P<counted>\d+) bytes=(?P<bytes>\d+)"
    r" microseconds=(?P<microseconds>\d+) p99=(?P<p99>\d+)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Load:
    """What came of a load: requests answered, bytes that were read, headers among them, and milliseconds in
    which 99 of 100 answers were there. `counted` is what the script has counted."""

    requests: int
    counted: int
    bytes: int
    seconds: float
    p99: float

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def script(rig: Rig, name: str, lua: str) -> str:
    """A script for wrk that reports as well. Returns its name."""
    rig.script(SCRIPT, REPORT)
    return rig.script(name, f'dofile("{SCRIPT}")\n{lua}')


def wrk(rig: Rig, url: str, *options: str, clients: int, lua: str | None = None) -> Load:
    """Ask for `url` for a second with so many connections at once.

    Raises NotMeasured where a request failed, or none was answered.
    """
    if lua is None:
        lua = rig.script(SCRIPT, REPORT)
    return read(rig.run("wrk", "-t", "1", "-c", str(clients), "-d", "1s", "-s", lua, *options, url))


def read(said: str) -> Load:
    """What wrk reported. Raises NotMeasured where that is no figure of a load without failures."""
    found = _SAID.search(said)
    if found is None or int(found["failed"]) or not int(found["requests"]):
        raise NotMeasured(f"wrk said: {' / '.join(said.strip().splitlines()[-3:])}")
    figures = {name: int(text) for name, text in found.groupdict().items()}
    return Load(
        figures["requests"],
        figures["counted"],
        figures["bytes"],
        figures["microseconds"] / 1e6,
        figures["p99"] / 1e3,
    )
