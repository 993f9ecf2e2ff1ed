"""A machine's kernel: its settings, what it is short of, and what it lost, read from `/proc` and `/sys`.

One round trip over the target's transport. Counters count since the machine started, so they are shown as a
share of what they are a part of; pressure is what the kernel averages itself.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.probes import transport
from scaling_guide.probes.observation import Found, Malformed, Undetermined, Unsupported
from scaling_guide.probes.probe import Over, Probe
from scaling_guide.systems.linux.target import LinuxTarget

REQUESTS = 0

SYSCTLS = (
    *("net.core.somaxconn", "net.core.rmem_max", "net.core.wmem_max", "net.core.default_qdisc"),
    *("net.ipv4.tcp_max_syn_backlog", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_slow_start_after_idle"),
    *("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_congestion_control", "net.ipv4.tcp_syncookies"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"),
    *("net.ipv4.tcp_mtu_probing", "net.ipv4.tcp_abort_on_overflow", "net.netfilter.nf_conntrack_max"),
    *("fs.file-max", "vm.swappiness", "vm.overcommit_memory"),
)
RESOURCES = ("cpu", "memory", "io")
_SECONDS = frozenset({"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_keepalive_intvl"})
_PORTS = "net.ipv4.ip_local_port_range"

# control groups, version 2 and 1: file below the group to the name of its value
_V2 = {
    "memory.max": "memory > limit",
    "memory.high": "memory > high",
    "memory.swap.max": "memory > swap limit",
    "memory.current": "memory > used",
    "pids.max": "tasks > limit",
}
_V1 = {
    "memory/{}/memory.limit_in_bytes": "memory > limit",
    "memory/{}/memory.soft_limit_in_bytes": "memory > high",
    "memory/{}/memory.usage_in_bytes": "memory > used",
    "pids/{}/pids.max": "tasks > limit",
}
# what version 1 calls no limit: the largest number of pages
_V1_UNLIMITED = 2**62

_ASSIGNMENT = re.compile(r"^\s*-?([^#;=\s]+)\s*=\s*(.*?)\s*$", re.MULTILINE)


def probe(environment: Environment, target: LinuxTarget, deadline: float) -> Found:
    """Settings, pressure, counters and limits of the machine, within `deadline` seconds; and its kernel.

    Raises what `transport.ask` raises, Unsupported where there is no Linux below `proc`, and Malformed.
    """
    answers = transport.ask(target.host, _questions(target), deadline)
    release = answers["release"].stdout.strip()
    kernel = re.match(r"[0-9]+(\.[0-9]+)*", release)
    if not kernel:
        raise Unsupported(f"{target.id}: {target.proc}/sys/kernel/osrelease names no kernel: {release!r}")
    files = _files(answers["files"].stdout)
    running = {
        name.removeprefix("sys/").replace("/", "."): " ".join(lines[0].split())
        for name, lines in files.items()
        if name.startswith("sys/")
    }
    return kernel[0], {
        **_settings(running),
        "file > not in force": _not_in_force(answers["config"], running),
        **_pressure(files),
        **_network(target, files, running),
        **_memory(files, answers["huge pages"].stdout),
        **_share("open files > used", *_open_files(files)),
        **_group(answers["group"].stdout),
    }


def _questions(target: LinuxTarget) -> dict[str, str]:
    config, group = shlex.quote(target.config), shlex.quote(target.cgroup)
    names = " ".join(f"sys/{name.replace('.', '/')}" for name in SYSCTLS)
    others = (
        "net/netstat net/snmp net/sockstat vmstat meminfo sys/fs/file-nr sys/net/netfilter/nf_conntrack_count"
    )
    written = (
        f"$(sed -n 's|^[[:space:]]*-*\\([^#;=[:space:]]*\\)[[:space:]]*=.*|sys/\\1|p' {config} | tr . /)"
    )
    groups = " ".join(
        [f"{group}/{name}" for name in (*_V2, "memory.events", "cpu.stat")]
        + [name.format(group) for name in (*_V1, "memory/{}/memory.oom_control", "cpu/{}/cpu.stat")]
    )
    pressure = " ".join(f"pressure/{resource}" for resource in RESOURCES)
    proc, sys = shlex.quote(target.proc), shlex.quote(target.sys)
    return {
        "release": f"cat {proc}/sys/kernel/osrelease",
        "config": f"cat {config}",
        # -s: what a kernel does not have is left out, and its check says that it is absent
        "files": f"cd {proc} && grep -sH '' {names} {others} {pressure} {written}",
        "huge pages": f"cat {sys}/kernel/mm/transparent_hugepage/enabled",
        "group": f"cd {sys}/fs/cgroup && grep -sH '' {groups}",
    }


def _files(text: str) -> dict[str, list[str]]:
    """The lines of each file, from what `grep -H` says."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, content = line.partition(":")
        if colon:
            found.setdefault(name, []).append(content)
    return {name: list(dict.fromkeys(lines)) for name, lines in found.items()}


def _settings(running: Mapping[str, str]) -> dict[str, Any]:
    return {
        f"sysctl > {name}": f"{running[name]}s" if name in _SECONDS else running[name]
        for name in SYSCTLS
        if name in running
    }


def _not_in_force(config: transport.Output, running: Mapping[str, str]) -> str:
    """The settings of the file that the kernel does not have so, or `none`."""
    if config.exit_code != 0:
        return "the file is not there"
    written = {
        name.replace("/", "."): " ".join(value.split()) for name, value in _ASSIGNMENT.findall(config.stdout)
    }
    if not written:
        return "the file is empty"
    return ", ".join(sorted(name for name, value in written.items() if running.get(name) != value)) or "none"


def _pressure(files: Mapping[str, list[str]]) -> dict[str, str]:
    """The share of time in which some or all tasks waited, by resource and length of the average."""
    values = {}
    for resource in RESOURCES:
        for line in files.get(f"pressure/{resource}", ()):
            kind, *fields = line.split()
            for name, _, percent in (field.partition("=") for field in fields):
                if name.startswith("avg"):
                    values[f"pressure > {resource} > {kind} > {name}"] = f"{float(percent)}%"
    return values


def _network(
    target: LinuxTarget, files: Mapping[str, list[str]], running: Mapping[str, str]
) -> dict[str, Any]:
    extended, tcp = _pairs(files.get("net/netstat", ()), "TcpExt"), _pairs(files.get("net/snmp", ()), "Tcp")
    if "ListenOverflows" not in extended or "RetransSegs" not in tcp:
        raise Malformed(f"{target.id}: {target.proc}/net has no counters of TCP")
    sockets = next((line.split() for line in files.get("net/sockstat", ()) if line.startswith("TCP:")), [])
    waiting = int(sockets[sockets.index("tw") + 1]) if "tw" in sockets else None
    first, _, last = running.get(_PORTS, "").partition(" ")
    count = files.get("sys/net/netfilter/nf_conntrack_count", [None])[0]
    return {
        **_share("listen > overflows", extended["ListenOverflows"], tcp["PassiveOpens"]),
        "listen > overflows > count": extended["ListenOverflows"],
        **_share("segments > sent again", tcp["RetransSegs"], tcp["OutSegs"]),
        **_share("ports > in TIME-WAIT", waiting, int(last) - int(first) + 1 if last else None),
        **_share(
            "connections tracked > used",
            None if count is None else int(count),
            int(running.get("net.netfilter.nf_conntrack_max", 0)),
        ),
    }


def _pairs(lines: Iterable[str], group: str) -> dict[str, int]:
    """The counters of one group of /proc/net/snmp or netstat: a line of names, and one of numbers."""
    ours = [line.split()[1:] for line in lines if line.startswith(f"{group}:")]
    if len(ours) != 2 or len(ours[0]) != len(ours[1]):
        return {}
    return {name: int(number) for name, number in zip(*ours, strict=True)}


def _memory(files: Mapping[str, list[str]], huge_pages: str) -> dict[str, Any]:
    counters = dict(line.split()[:2] for line in files.get("vmstat", ()))
    info = dict(re.findall(r"^(\w+):\s+([0-9]+) kB$", "\n".join(files.get("meminfo", ())), re.MULTILINE))
    chosen = re.search(r"\[(\w+)\]", huge_pages)
    values: dict[str, Any] = {
        "memory > transparent huge pages": chosen[1] if chosen else None,
        **_share("memory > available", _int(info.get("MemAvailable")), _int(info.get("MemTotal"))),
    }
    if "oom_kill" in counters:
        values["memory > killed"] = int(counters["oom_kill"])
    return values


def _open_files(files: Mapping[str, list[str]]) -> tuple[int | None, int | None]:
    fields = (files.get("sys/fs/file-nr") or [""])[0].split()
    return (int(fields[0]), int(fields[2])) if len(fields) == 3 else (None, None)


def _group(text: str) -> dict[str, Any]:
    """The limits of the service's control group, of either version, and what it came up against."""
    files = _files(text)
    by_name = {name.rpartition("/")[2]: lines for name, lines in files.items()}
    first_version = any(name.startswith("memory/") for name in files)
    kinds = {name.rpartition("/")[2]: value for name, value in (_V1 if first_version else _V2).items()}
    values: dict[str, Any] = {
        f"service > {value}": _limit(by_name[name][0]) for name, value in kinds.items() if name in by_name
    }
    happened = _words(by_name.get("memory.events", [])) | _words(by_name.get("memory.oom_control", []))
    if "oom_kill" in happened:
        values["service > memory > killed"] = happened["oom_kill"]
    limit = values.get("service > memory > limit")
    if str(limit).isdecimal():
        values |= _share(
            "service > memory > share", _int(values.get("service > memory > used")), int(str(limit))
        )
    cpu = _words(by_name.get("cpu.stat", []))
    # no periods are counted where there is no quota, and nothing can be throttled
    return values | _share("service > cpu > throttled", cpu.get("nr_throttled"), cpu.get("nr_periods"))


def _limit(text: str) -> str:
    """A limit as version 2 writes it, `max` for none."""
    return "max" if text.isdecimal() and int(text) >= _V1_UNLIMITED else text


def _words(lines: list[str]) -> dict[str, int]:
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _int(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _share(name: str, part: int | None, whole: int | None) -> dict[str, Any]:
    """`part` of `whole` in percent; nothing where either is unknown, undetermined where both are 0."""
    if part is None or whole is None:
        return {}
    if not (part or whole):
        return {name: Undetermined("there is nothing of the kind to count", empty=True)}
    return {name: f"{100 * part / whole:.4f}%" if whole else "100%"}


def _find_file(segments: Sequence[str]) -> str:
    return segments[min(1, len(segments) - 1)].replace(".", "/")


PROBES: Mapping[str, Probe] = {
    "linux": Probe(
        probe,
        by_hand={
            "": "grep -H '' {proc}/pressure/*",
            "sysctl": "cat {proc}/sys/{search}",
            "file": "cut -s -d= -f1 {config} | xargs sysctl; grep = {config}",
            "listen": "grep '^TcpExt' {proc}/net/netstat; grep '^Tcp' {proc}/net/snmp",
            "segments": "grep '^Tcp' {proc}/net/snmp",
            "ports": "grep '^TCP' {proc}/net/sockstat",
            "connections tracked": "cat {proc}/sys/net/netfilter/nf_conntrack_count",
            "open files": "cat {proc}/sys/fs/file-nr",
            "memory": "grep oom_kill {proc}/vmstat; cat {sys}/kernel/mm/transparent_hugepage/enabled",
            "service": "grep -sH '' {sys}/fs/cgroup/{cgroup}/* "
            "{sys}/fs/cgroup/memory/{cgroup}/*limit_in_bytes",
        },
        over=Over.HOST,
        typed_on_host=True,
        search=_find_file,
    ),
}
