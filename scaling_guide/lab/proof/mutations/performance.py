"""How a machine, a page and a list get slow in real life."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations.forms import Applied, Table, behind_its_back, edited
from scaling_guide.model.environments import LinuxTarget
from scaling_guide.model.record import System

N, H, L = System.NGINX, System.HAPROXY, System.LINUX

_GROUP = "fs/cgroup/system.slice/app.service"


# ------------------------------------------------------------------------------------------ the machine


def kernel(file: str, pattern: str, replacement: str) -> Applied:
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
        after, count = re.subn(pattern, replacement, before, flags=re.MULTILINE)
        if not count:
            raise DidNotLand(f"nothing in {file} matches {pattern}")
        path.write_text(after)
        try:
            yield f"{file}: {replacement}"
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


# ------------------------------------------------------------------------------- the page and the list


def served_instead(path: str, change: str) -> tuple[tuple[str, Applied], tuple[str, Applied]]:
    """At `path`, what the application has as the regression `change`, through each load balancer."""
    regression = f"/regressions/{change}{path}"
    return (
        (
            N,
            edited((r"^( *)location / \{", rf"\1location = {path} {{\n\1    proxy_pass http://app{regression};\n\1}}\n\1location / {{")),
        ),
        (
            H,
            edited((r"^( *)use_backend app_sticky", rf"\1http-request set-path {regression} if {{ path {path} }}\n\1use_backend app_sticky")),
        ),
    )


def regressions(path: str, changes: dict[str, str]) -> Table:
    """Mutations by name, each with the regression that is served at `path`."""
    return {
        (name, system): applied
        for name, change in changes.items()
        for system, applied in served_instead(path, change)
    }


def answered(name: str, on_nginx: str, on_haproxy: str) -> Table:
    """A mutation that changes answers: a directive of Nginx's server, a rule of HAProxy's frontend."""
    return {
        (name, N): edited((r"^( *)(add_header Strict-Transport)", rf"\1{on_nginx}\n\1\2")),
        (name, H): edited((r"^( *)use_backend app_sticky", rf"\1{on_haproxy}\n\1use_backend app_sticky")),
    }


_PAGE = {
    "page-heavy": "heavy",
    "scripts-heavy": "heavy-script",
    "styles-heavy": "heavy-style",
    "page-of-many-files": "many-files",
    "page-of-many-hosts": "other-hosts",
    "page-blocking": "blocking",
    "page-unsized": "unsized",
    "page-unhurried": "unhurried",
    "page-kept-too-long": "kept",
    "files-not-kept": "unkept",
}
_LIST = {
    "api-slow": "slow",
    "api-slow-tail": "slow-tail",
    "api-failing": "failing",
    "api-whole-list": "whole-list",
    "api-unbounded": "unbounded",
    "api-endless": "endless",
}

MUTATIONS: Table = {
    ("sysctl-not-applied", L): sysctl_not_applied,
    ("listen-overflowing", L): kernel("proc/net/netstat", r"^TcpExt: 0 0 0 0", "TcpExt: 0 0 412 412"),
    ("network-lossy", L): kernel("proc/net/snmp", r" 5000 0 900$", " 600000 0 900"),
    ("ports-running-out", L): kernel("proc/net/sockstat", r" tw 120 ", " tw 48000 "),
    ("cpu-pressed", L): kernel("proc/pressure/cpu", r"^some avg10=0.00 avg60=0.00", "some avg10=41.20 avg60=38.73"),
    ("io-pressed", L): kernel("proc/pressure/io", r"^full avg10=0.00 avg60=0.00", "full avg10=9.81 avg60=7.40"),
    ("memory-pressed", L): kernel("proc/pressure/memory", r"^full avg10=0.00 avg60=0.00", "full avg10=3.10 avg60=2.05"),
    ("service-throttled", L): kernel(f"sys/{_GROUP}/cpu.stat", r"nr_throttled 0", "nr_throttled 9000"),
    ("files-used-up", L): kernel("proc/sys/fs/file-nr", r"^4096", "980000"),
    ("conntrack-nearly-full", L): kernel("proc/sys/net/netfilter/nf_conntrack_count", r"^512", "500000"),
    ("service-nearly-full", L): kernel(f"sys/{_GROUP}/memory.current", r"^\d+", "2040109465"),
    ("service-out-of-memory", L): kernel(f"sys/{_GROUP}/memory.events", r"oom_kill 0", "oom_kill 1"),
    ("machine-out-of-memory", L): kernel("proc/vmstat", r"oom_kill 0", "oom_kill 1"),
    ("memory-used-up", L): kernel("proc/meminfo", r"^MemAvailable: .*", "MemAvailable:     838860 kB"),
    ("huge-pages-always", L): kernel("sys/kernel/mm/transparent_hugepage/enabled", r".*", "[always] madvise never"),
    **regressions("/", _PAGE),
    **regressions("/api/items", _LIST),
    **answered("etag-lost", "proxy_hide_header ETag;", "http-after-response del-header ETag"),
    ("vary-lost", H): edited((r"^( *)use_backend app_sticky", r"\1http-after-response del-header Vary\n\1use_backend app_sticky")),
    **answered("server-timing-lost", "proxy_hide_header Server-Timing;", "http-after-response del-header Server-Timing"),
    ("compression-disabled", N): edited((r"^( *)gzip_vary", r'\1gzip_disable ".";\n\1gzip_vary')),
    ("compression-lost", H): edited((r"^( *)unique-id-header", r"\1http-request del-header Accept-Encoding\n\1unique-id-header")),
    ("request-id-not-shown", N): edited((r"^ *add_header X-Request-ID .*\n", "")),
    ("request-id-not-shown", H): edited((r"^ *http-after-response set-header X-Request-ID .*\n", "")),
    ("request-id-not-told", N): edited((r"^ *proxy_set_header X-Request-ID .*\n", "")),
    ("request-id-not-told", H): edited((r"^ *unique-id-header .*\n", "")),
    ("client-keepalive-off", N): edited((r"^( {4}keepalive_timeout) [^;]+;", r"\1 0;")),
    ("client-keepalive-off", H): edited((r"^( *)option redispatch", r"\1option httpclose\n\1option redispatch")),
}  # fmt: skip
