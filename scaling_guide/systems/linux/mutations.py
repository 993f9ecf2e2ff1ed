"""How a machine gets slow in real life."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import behind_its_back, documented
from scaling_guide.lab.proof.mutations import Applied, Mutations
from scaling_guide.model.units import Unit, meaning
from scaling_guide.systems.linux import host
from scaling_guide.systems.linux.target import LinuxTarget


def kernel(file: str, pattern: str, replacement: str | Callable[[Bench], str]) -> Applied:
    """Another content of a file below /proc, or below /sys where it begins so, and the old one back again.

    The lab's host is files in the form of a kernel's; what changes here is what a kernel would show.
    """

    @asynccontextmanager
    async def applied(bench: Bench) -> AsyncIterator[str]:
        await bench.restore()
        assert isinstance(bench.target, LinuxTarget)
        root, _, name = file.partition("/")
        path = Path(bench.target.proc if root == "proc" else bench.target.sys) / name
        before = path.read_text()
        text = replacement if isinstance(replacement, str) else replacement(bench)
        after, count = re.subn(pattern, text, before, flags=re.MULTILINE)
        if not count:
            raise DidNotLand(f"nothing in {file} matches {pattern}")
        path.write_text(after)
        try:
            yield f"{file}: {text}"
        finally:
            path.write_text(before)

    return applied


@asynccontextmanager
async def sysctl_not_applied(bench: Bench) -> AsyncIterator[str]:
    """A setting that somebody wrote into the file, and that nobody applied."""
    await bench.restore()
    assert isinstance(bench.target, LinuxTarget)
    name = Path(bench.target.config).name
    line = "net.ipv4.tcp_fin_timeout = 30\n"
    async with behind_its_back(bench, {**bench.pristine, name: bench.pristine[name] + line}):
        yield line.strip()


_KERNEL = {
    "listen-overflowing": ("proc/net/netstat", "^TcpExt: 0 0 0 0", "TcpExt: 0 0 412 412"),
    "network-lossy": ("proc/net/snmp", " 5000 0 900$", " 600000 0 900"),
    "ports-running-out": ("proc/net/sockstat", " tw 120 ", " tw 48000 "),
    "cpu-pressed": ("proc/pressure/cpu", "^some avg10=0.00 avg60=0.00", "some avg10=41.20 avg60=38.73"),
    "io-pressed": ("proc/pressure/io", "^full avg10=0.00 avg60=0.00", "full avg10=9.81 avg60=7.40"),
    "memory-pressed": ("proc/pressure/memory", "^full avg10=0.00 avg60=0.00", "full avg10=3.10 avg60=2.05"),
    "service-throttled": (f"{host.GROUP}/cpu.stat", "nr_throttled 0", "nr_throttled 9000"),
    "files-used-up": ("proc/sys/fs/file-nr", "^4096", "980000"),
    "conntrack-nearly-full": ("proc/sys/net/netfilter/nf_conntrack_count", "^512", "500000"),
    "service-out-of-memory": (f"{host.GROUP}/memory.events", "oom_kill 0", "oom_kill 1"),
    "machine-out-of-memory": ("proc/vmstat", "oom_kill 0", "oom_kill 1"),
    "memory-used-up": ("proc/meminfo", "^MemAvailable: .*", "MemAvailable:     838860 kB"),
    "huge-pages-always": (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "^always.*",
        "[always] madvise never",
    ),
}


def nearly_full(bench: Bench) -> str:
    """More bytes than the documented share of the documented limit."""
    limit = meaning(documented(bench, "service-memory-limit"), Unit.BYTES)
    share = meaning(documented(bench, "service-memory-share"), Unit.RATIO)
    return str(int(limit * (share + 1) / 2))


MUTATIONS: Mutations = {
    "sysctl-not-applied": sysctl_not_applied,
    "service-nearly-full": kernel(f"{host.GROUP}/memory.current", "^[0-9]+", nearly_full),
    **{name: kernel(*change) for name, change in _KERNEL.items()},
}
