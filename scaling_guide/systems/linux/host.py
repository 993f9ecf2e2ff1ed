"""A stand-in for a kernel: files in the form of `/proc` and `/sys`, with documented settings applied.

The settings of the machine that a lab runs on are not the lab's to change, and its pressure and counters tell
of whatever else runs there. So the lab's host has files of its own: those of a quiet Linux just started, and
in them what `sysctl --system` would apply and systemd would set from the two rendered files. The probe reads
them as it reads a real machine's. They prove that the checks look at the right place and can be red; they
prove nothing about a kernel.
"""

import argparse
import os
import re
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from scaling_guide.model.units import Unit, meaning

SYSCTLS = "60-scaling.conf"
SERVICE = "60-scaling.service.conf"
APPLIED = "applied-by"
GROUP = "sys/fs/cgroup/system.slice/app.service"

_AVERAGES = "avg10=0.00 avg60=0.00 avg300=0.00 total=0"
_QUIET = f"some {_AVERAGES}\nfull {_AVERAGES}\n"

# as Linux 6.18 writes them, shortened to some fields, of a machine to which nothing has happened
FILES = {
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "proc/sys/fs/file-nr": "4096\t0\t1048576\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "512\n",
    "proc/pressure/cpu": _QUIET,
    "proc/pressure/memory": _QUIET,
    "proc/pressure/io": _QUIET,
    "proc/net/netstat": "TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops TCPTimeouts\n"
    "TcpExt: 0 0 0 0 12\nIpExt: InNoRoutes InTruncatedPkts\nIpExt: 0 0\n",
    "proc/net/snmp": "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
    "Tcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\n"
    "Tcp: 200000 800000 350 40000000 50000000 5000 0 900\n",
    "proc/net/sockstat": "sockets: used 432\nTCP: inuse 350 orphan 0 tw 120 alloc 350 mem 91\n",
    "proc/vmstat": "nr_free_pages 1376958\npswpin 0\npswpout 0\noom_kill 0\n",
    "proc/meminfo": "MemTotal:       16777216 kB\nMemFree:         4194304 kB\nMemAvailable:   10485760 kB\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    f"{GROUP}/memory.current": "268435456\n",
    f"{GROUP}/memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n",
    f"{GROUP}/cpu.stat": "usage_usec 900000\nnr_periods 100000\nnr_throttled 0\n",
}  # fmt: skip

# what Linux has where nobody wrote anything
DEFAULTS = {
    "net/core/somaxconn": "4096",
    "net/core/rmem_max": "212992",
    "net/core/wmem_max": "212992",
    "net/ipv4/tcp_max_syn_backlog": "2048",
    "net/ipv4/tcp_syncookies": "1",
    "net/ipv4/tcp_abort_on_overflow": "0",
    "net/ipv4/ip_local_port_range": "32768\t60999",
    "net/ipv4/tcp_slow_start_after_idle": "1",
    "net/ipv4/tcp_notsent_lowat": "4294967295",
    "net/ipv4/tcp_mtu_probing": "0",
    "net/ipv4/tcp_keepalive_time": "7200",
    "net/ipv4/tcp_keepalive_intvl": "75",
    "net/ipv4/tcp_keepalive_probes": "9",
    "net/netfilter/nf_conntrack_max": "262144",
    "fs/file-max": "9223372036854775807",
    "vm/swappiness": "60",
}
FILES |= {f"proc/sys/{name}": f"{value}\n" for name, value in DEFAULTS.items()}

# what systemd writes for a setting of a service, below the control group
_OF_SYSTEMD = {
    "MemoryMax": "memory.max",
    "MemoryHigh": "memory.high",
    "MemorySwapMax": "memory.swap.max",
    "TasksMax": "pids.max",
}
FILES |= {f"{GROUP}/{name}": "max\n" for name in _OF_SYSTEMD.values()}

_ASSIGNMENT = re.compile(r"^([A-Za-z][\w.-]*) ?= ?(.+)$", re.MULTILINE)


def files(sysctls: str, service: str) -> Mapping[str, str]:
    """The files below the host's directory once both configuration files are applied."""
    applied = {
        f"proc/sys/{name.replace('.', '/')}": "\t".join(value.split()) + "\n"
        for name, value in _ASSIGNMENT.findall(sysctls)
    }
    limits = {
        f"{GROUP}/{_OF_SYSTEMD[name]}": _as_number(name, value)
        for name, value in _ASSIGNMENT.findall(service)
        if name in _OF_SYSTEMD
    }
    return {**FILES, **applied, **limits}


def _as_number(name: str, value: str) -> str:
    unit = Unit.BYTES if name.startswith("Memory") else Unit.COUNT
    return f"{value if value == 'infinity' else int(meaning(value, unit))}\n".replace("infinity", "max")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scaling_guide.systems.linux.host", description=__doc__)
    parser.add_argument("directory", type=Path, help="with the configuration files, and where the files go")
    directory: Path = parser.parse_args().directory
    # before anything is said to be ready, so that the signal to end is never lost
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    texts = files((directory / SYSCTLS).read_text(), (directory / SERVICE).read_text())
    for tree in ("proc", "sys"):
        shutil.rmtree(directory / tree, ignore_errors=True)
    for name, text in {**texts, APPLIED: f"{os.getpid()}\n"}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
