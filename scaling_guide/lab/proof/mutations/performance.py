"""How a machine, a page and a list get slow in real life."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scaling_guide.lab import files, host
from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations.application import app_fault
from scaling_guide.lab.proof.mutations.forms import Applied, Table, behind_its_back, edited, without
from scaling_guide.model.environments import LinuxTarget
from scaling_guide.model.record import System

N, H, A, L = System.NGINX, System.HAPROXY, System.APP, System.LINUX

# a line of HAProxy's frontend before which any rule may stand
_RULE = "use_backend app_sticky"


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


@asynccontextmanager
async def backlog_not_restarted(bench: Bench) -> AsyncIterator[str]:
    """HAProxy was started with a short accept queue; the file was corrected since, and reloaded."""
    await bench.restore()
    files.write(bench.directory, bench.rendered({"haproxy-backlog": 128}))
    await bench.order("restart")
    files.write(bench.directory, bench.pristine)
    await bench.take_effect()
    try:
        yield "backlog 128, corrected and reloaded"
    finally:
        await bench.order("restart")


# ------------------------------------------------------------------------------- the page and the list


def before(line: str, added: str) -> tuple[str, str]:
    """An edit that puts a line before the one that begins with `line`, as far to the right."""
    return rf"^( *)({re.escape(line)})", rf"\1{added}\n\1\2"


def regressions(path: str, changes: dict[str, str]) -> Table:
    """Mutations by name, each with what the application serves at `path` after that bad change."""
    table: Table = {}
    for name, change in changes.items():
        at = f"/regressions/{change}{path}"
        table[name, N] = edited(before("location / {", f"location = {path} {{ proxy_pass http://app{at}; }}"))
        table[name, H] = edited(before(_RULE, f"http-request set-path {at} if {{ path {path} }}"))
    return table


def answered(name: str, on_nginx: str, on_haproxy: str) -> Table:
    """A mutation that changes answers: a directive of Nginx's server, a rule of HAProxy's frontend."""
    return {
        (name, N): edited(before("add_header Strict-Transport", on_nginx)),
        (name, H): edited(before(_RULE, on_haproxy)),
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
    "api-whole-list": "whole-list",
    "api-unbounded": "unbounded",
    "api-endless": "endless",
    "api-one-by-one": "one-by-one",
}

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
    "service-nearly-full": (f"{host.GROUP}/memory.current", "^[0-9]+", "2040109465"),
    "service-out-of-memory": (f"{host.GROUP}/memory.events", "oom_kill 0", "oom_kill 1"),
    "machine-out-of-memory": ("proc/vmstat", "oom_kill 0", "oom_kill 1"),
    "memory-used-up": ("proc/meminfo", "^MemAvailable: .*", "MemAvailable:     838860 kB"),
    "huge-pages-always": (
        "sys/kernel/mm/transparent_hugepage/enabled",
        "^always.*",
        "[always] madvise never",
    ),
}

MUTATIONS: Table = {
    ("sysctl-not-applied", L): sysctl_not_applied,
    **{(name, L): kernel(*change) for name, change in _KERNEL.items()},
    **regressions("/", _PAGE),
    **regressions("/api/items", _LIST),
    ("api-slow", A): app_fault("APP_REGRESSION=slow"),
    ("api-slow-tail", A): app_fault("APP_REGRESSION=slow-tail"),
    ("api-failing", A): app_fault("APP_REGRESSION=failing"),
    **answered("etag-lost", "proxy_hide_header ETag;", "http-after-response del-header ETag"),
    **answered(
        "server-timing-lost",
        "proxy_hide_header Server-Timing;",
        "http-after-response del-header Server-Timing",
    ),
    ("compression-disabled", N): edited(before("gzip_vary", 'gzip_disable ".";')),
    ("compression-lost", H): edited(before("unique-id-header", "http-request del-header Accept-Encoding")),
    ("request-id-not-shown", N): without(r"add_header X-Request-ID .*"),
    ("request-id-not-shown", H): without(r"http-after-response set-header X-Request-ID .*"),
    ("request-id-not-told", N): without(r"proxy_set_header X-Request-ID .*"),
    ("request-id-not-told", H): without(r"unique-id-header .*"),
    ("page-closes-connection", N): edited(
        before("location / {", "location = / { keepalive_timeout 0; proxy_pass http://app; }")
    ),
    ("page-closes-connection", H): edited(before("option redispatch", "option httpclose")),
    ("backlog-not-restarted", H): backlog_not_restarted,
}
