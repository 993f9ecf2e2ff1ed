"""Nginx: what its files say, what its processes do, and what it counts.

`nginx -T` prints the disk and not the running configuration, so the two are observed apart: `config` reads
the files as the binary understands them, `process` says whether the running workers are younger than these.
"""

import re
import shlex
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import crossplane
from crossplane.analyzer import CONTEXTS, DIRECTIVES, enter_block_ctx

from scaling_guide.model.environments import Environment
from scaling_guide.model.units import Unit, meaning
from scaling_guide.probes import staleness
from scaling_guide.probes.observation import Found, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.probes.probe import Over, Probe, grep
from scaling_guide.probes.secrets import complaint
from scaling_guide.probes.transport import Output, ask, exchange
from scaling_guide.systems.nginx.target import NginxTarget
from scaling_guide.systems.web import probes

STATUS_PATH = "/status"
STATUS_REQUESTS = 1
SHUTDOWN_GRACE = 5.0

_NO_SUCH_COMMAND = 127
_DENIED = "(13: Permission denied)"

# `disk` holds the configuration as `nginx -T` prints it. Where the binary refuses the files, they are read
# without it: the main file, and those that its include lines name. `refused` is 0 or 1. The binary is not
# asked where no server runs: it listens while it tests, and whoever looks at that moment sees a server.
_DISK = """lives() {{
  {{ read -r master < {pid_file}; }} 2>/dev/null && [ -d "/proc/$master/task" ]
}}
show() {{
  case $shown in *"|$1|"*) return ;; esac
  shown="$shown|$1|"
  text=$(cat -- "$1") || return
  printf '# configuration file %s:\\n%s\\n' "$1" "$text"
  for name in $(sed -n 's/^[^#]*include[[:space:]][[:space:]]*\\([^;]*\\);.*/\\1/p' "$1"); do
    case $name in /*) ;; *) name=$PWD/$name ;; esac
    [ ! -f "$name" ] || show "$name"
  done
}}
refused=0
disk=$(lives && {nginx} -T 2>/dev/null) || {{ refused=1 disk=$(cd {directory} && show {config}); }}"""

_PRINT_DISK = """[ -n "$disk" ] || exec cat -- {config}
printf '%s\\n' "$disk\""""
_FILES = (
    f"""printf '%s\\n' "$disk" | sed -n 's/^# configuration file \\(.*\\):$/\\1/p' | {staleness.CHANGES}"""
)
_TEST = "lives && {nginx} -t 2>&1"
_VERSION = "{binary} -v 2>&1"

# the master's title and owner and our own user, then a line for each of its children
_PROCESSES = """read -r master < {pid_file} || exit
tr '\\0' ' ' < "/proc/$master/cmdline" || exit
echo
stat -c %u "/proc/$master"
id -u
grep -hs "^[0-9]* (.*) [A-Za-z] $master " /proc/[0-9]*/stat | while IFS= read -r stat; do
  pid=${{stat%% *}}
  limit=$(sed -n 's/^Max open files *\\([^ ]*\\).*/\\1/p' "/proc/$pid/limits")
  title=$(tr '\\0' ' ' < "/proc/$pid/cmdline")
  printf '%s\\t%s\\t%s\\n' "$stat" "$limit" "$title"
done"""
_CORES = "getconf _NPROCESSORS_ONLN 2>/dev/null || nproc"


def config(environment: Environment, target: NginxTarget, deadline: float) -> Found:
    """The directives in effect in each context of the files on disk.

    Files that the binary refuses are still read, as far as they can be. Raises Unreachable where no master
    runs, since the files of a dead server say nothing about a live environment, or where they are not
    readable, Malformed where they cannot be parsed, and as the transport does.
    """
    words = _words(target)
    questions = {
        "version": _VERSION.format(**words),
        "disk": _PRINT_DISK.format(**words),
        "refused": "exit $refused",
        "processes": _PROCESSES.format(**words),
    }
    answers = ask(target.host, questions, deadline, before=_DISK.format(**words))
    _running(target, answers["processes"])
    accepted = answers["refused"].exit_code == 0
    return _version(target, answers["version"]), effective(tree(_disk(answers["disk"]), accepted))


def process(environment: Environment, target: NginxTarget, deadline: float) -> Found:
    """Whether the files are valid, and whether the workers run by them.

    `nginx -t` does what it always does: it opens the log files and the pid file, and logs why it refuses.
    Raises Unreachable where no master runs or the checker's user may not see it or test its files, and as the
    transport does.
    """
    words = _words(target)
    questions = {
        "version": _VERSION.format(**words),
        "disk": _PRINT_DISK.format(**words),
        "files": _FILES,
        "processes": _PROCESSES.format(**words),
        "clock": staleness.CLOCK,
        "cores": _CORES,
        "test": _TEST.format(**words),
    }
    answers = ask(target.host, questions, deadline, before=_DISK.format(**words))
    version = _version(target, answers["version"])
    running = _running(target, answers["processes"])
    patience = _patience(_disk(answers["disk"]).values())
    now = staleness.clock(answers["clock"].stdout)
    changed = staleness.newest_change(answers["files"].stdout)
    return version, {
        **_tested(answers["test"], running.ours),
        **_worked(running, now, changed, patience, int(answers["cores"].stdout)),
    }


def status(environment: Environment, target: NginxTarget, deadline: float) -> Found:
    """The counters of stub_status, from one request to the target's own address.

    `dropped` are connections that were accepted and then not handled, for want of worker connections. The
    version is empty where the server keeps it to itself. Raises Unreachable, also where the server refuses
    this client; Timeout; Unsupported where it has no such page; Malformed.
    """
    where = f"http://{target.address}:{target.status}{STATUS_PATH}"
    request = f"GET {STATUS_PATH} HTTP/1.0\r\nHost: {target.address}\r\n\r\n"
    try:
        answer = exchange(socket.AF_INET, (target.address, target.status), request, deadline)
    except TimeoutError:
        raise Timeout(f"{where}: no complete answer before the deadline") from None
    except OSError as error:
        raise Unreachable(f"{where}: {error.strerror or error}") from None
    head, _, body = answer.partition("\r\n\r\n")
    code = re.match(r"HTTP/1\.[01] ([0-9]{3}) ", head)
    if not code:
        raise Malformed(f"{where}: the answer is not HTTP")
    if code[1] in ("401", "403"):
        raise Unreachable(f"{where}: answered {code[1]}: allow this client's address there")
    if code[1] != "200":
        raise Unsupported(f"{where}: answered {code[1]}: serve `stub_status` there")
    counters = _STUB_STATUS.fullmatch(body)
    if not counters:
        raise Malformed(f"{where}: the body is not the whole of a stub_status page")
    active, accepts, handled, requests = (int(number) for number in counters.groups())
    server = re.search(r"^Server: nginx/([0-9.]+)", head, re.MULTILINE | re.IGNORECASE)
    return server[1] if server else "", {
        "connections > active": active,
        "connections > accepts": accepts,
        "connections > handled": handled,
        "connections > dropped": accepts - handled,
        "requests": requests,
    }


_STUB_STATUS = re.compile(
    r"Active connections: ([0-9]+) \nserver accepts handled requests\n ([0-9]+) ([0-9]+) ([0-9]+) \n"
    r"Reading: [0-9]+ Writing: [0-9]+ Waiting: [0-9]+ \n"
)


def _words(target: NginxTarget) -> dict[str, str]:
    """What the scripts leave open, quoted for the shell."""
    words = {"binary": target.binary, "config": target.config, "pid_file": target.pid_file,
             "directory": str(PurePosixPath(target.config).parent)}  # fmt: skip
    quoted = {name: shlex.quote(word) for name, word in words.items()}
    prefix = shlex.quote(f"{target.directory}/")
    return {**quoted, "nginx": f"{quoted['binary']} -p {prefix} -c {quoted['config']}"}


def _version(target: NginxTarget, answer: Output) -> str:
    if answer.exit_code == _NO_SUCH_COMMAND:
        raise Unreachable(f"{target.host} has no `{target.binary}`: correct `binary` of {target.id}")
    version = re.search(r"/([0-9]+(?:\.[0-9]+)+)", answer.stdout)
    if not version:
        raise Malformed(f"`{target.binary} -v` says no version: {answer.stdout.strip()!r}")
    return version[1]


# ---------------------------------------------------------------------------------------- processes


@dataclass(frozen=True)
class _Worker:
    ticks: int
    open_files: str
    leaving: bool


@dataclass(frozen=True)
class _Running:
    workers: tuple[_Worker, ...]
    ours: bool
    """Whether the checker's user could do what the master's can."""

    @property
    def serving(self) -> tuple[_Worker, ...]:
        return tuple(worker for worker in self.workers if not worker.leaving)


def _running(target: NginxTarget, answer: Output) -> _Running:
    title, owner, user, *children = [*answer.stdout.splitlines(), "", "", ""]
    if not title.startswith("nginx: master process"):
        said = answer.stderr.strip().splitlines()
        reason = f": {said[-1]}" if answer.exit_code and said else ""
        raise Unreachable(f"no Nginx master runs by the pid file {target.pid_file}{reason}")
    fields = [child.split("\t") for child in children if child.count("\t") == 2]
    workers = tuple(
        _Worker(staleness.start_ticks(stat), limit, "is shutting down" in title)
        for stat, limit, title in fields
        if title.startswith("nginx: worker process")
    )
    return _Running(workers, user in ("0", owner))


# the time and the process id would make every message new
_BEGINNING = re.compile(r"^nginx: |^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} |(?<=\]) [0-9]+#[0-9]+:")


def _tested(answer: Output, ours: bool) -> dict[str, Any]:
    """The verdict of `nginx -t`. Raises Unreachable where it speaks of the checker and not of the files."""
    said = [_BEGINNING.sub("", line) for line in answer.stdout.splitlines()]
    refusals = [line for line in said if line.startswith("[emerg]")]
    if answer.exit_code == 0:
        return {"test > result": "ok", "test > message": "\n".join(said)}
    if not ours and any(_DENIED in line for line in refusals):
        raise Unreachable(f"the checker's user may not test the files: {refusals[0]}: let it use sudo")
    result = refusals[0] if refusals else f"`nginx -t` ended with {answer.exit_code}"
    return {"test > result": complaint(result), "test > message": complaint("\n".join(said) or result)}


def _worked(
    running: _Running, now: staleness.Clock, changed: float, patience: float, cores: int
) -> dict[str, Any]:
    serving = running.serving
    per_core = len(serving) / cores
    values: dict[str, Any] = {
        "workers > count": len(serving),
        "workers > per core": int(per_core) if per_core.is_integer() else round(per_core, 2),
        "workers > shutting down too long": 0,
    }
    # without a worker nothing runs that could be old or have a limit
    if serving:
        oldest = min(worker.ticks for worker in serving)
        values["workers > older than disk"] = "yes" if now.started_before(oldest, changed) else "no"
        values["limits > open files"] = min((worker.open_files for worker in serving), key=_limit)
        # the others have been leaving for as long as these serve, or longer
        if now.age(oldest) > patience + SHUTDOWN_GRACE:
            values["workers > shutting down too long"] = len(running.workers) - len(serving)
    return values


def _limit(text: str) -> float:
    return float(text) if text.isdecimal() else float("inf")


def _patience(texts: Iterable[str]) -> float:
    """Seconds that old workers are given; none where no limit is set, since then nothing ends them.

    Read without a parser, so that files which cannot be parsed still have their verdict.
    """
    for text in texts:
        for written in re.findall(r"^\s*worker_shutdown_timeout\s+([^\s;]+)\s*;", text, re.MULTILINE):
            with suppress(ValueError):
                return float(meaning(written, Unit.DURATION)) / 1000
    return 0.0


# ------------------------------------------------------------------------------------- files on disk

_FILE = re.compile(r"^# configuration file (.+):$", re.MULTILINE)


def _disk(answer: Output) -> dict[str, str]:
    """The files that a dump holds, main file first, by their paths."""
    if answer.exit_code:
        said = answer.stderr.strip().splitlines()
        raise Unreachable(f"the configuration cannot be read: {said[-1] if said else 'no reason given'}")
    _, *parts = _FILE.split(answer.stdout)
    if not "".join(parts[1::2]).strip():
        raise Malformed("the configuration is empty")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def tree(files: Mapping[str, str], accepted: bool = True) -> list[dict[str, Any]]:
    """The directives of the first file, as crossplane returns them, with all includes in place.

    For files that Nginx has `accepted` it has the last word on arguments; otherwise crossplane leaves out
    the directives it finds wrong. Raises Malformed where a file cannot be parsed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        parsed = {path: _parsed(path, text, Path(scratch), accepted) for path, text in files.items()}
    main = next(iter(files))
    return list(_included(parsed[main], parsed, PurePosixPath(main).parent, depth=0))


def _parsed(path: str, text: str, scratch: Path, accepted: bool) -> list[dict[str, Any]]:
    copy = scratch / "part.conf"
    copy.write_text(text, "utf-8")
    payload = crossplane.parse(str(copy), single=True, check_ctx=False, check_args=not accepted)
    if accepted and payload["errors"]:
        error = payload["errors"][0]
        raise Malformed(f"{path}:{error['line']}: {complaint(error['error'].replace(str(copy), path))}")
    directives: list[dict[str, Any]] = payload["config"][0]["parsed"]
    if payload["errors"] and not directives:
        raise Malformed(f"{path}: {complaint(payload['errors'][0]['error'].replace(str(copy), path))}")
    return directives


def _included(
    block: list[dict[str, Any]],
    parsed: Mapping[str, list[dict[str, Any]]],
    directory: PurePosixPath,
    depth: int,
) -> Iterator[dict[str, Any]]:
    if depth > 20:
        raise Malformed("include files include each other")
    for directive in block:
        if directive["directive"] == "include" and directive["args"]:
            pattern = str(directory / directive["args"][0])
            for path, contents in parsed.items():
                if path == pattern or PurePosixPath(path).match(pattern):
                    yield from _included(contents, parsed, directory, depth + 1)
        elif "block" in directive:
            inner = list(_included(directive["block"], parsed, directory, depth))
            yield {**directive, "block": inner}
        else:
            yield directive


# -------------------------------------------------------------------------------- directives in effect

# told apart by their first argument
_KEYED = frozenset({"proxy_set_header", "add_header", "log_format", "fastcgi_param", "env", "set"})
# whose arguments have no order
_SETS = frozenset({"proxy_next_upstream", "ssl_protocols", "gzip_types",
                   "proxy_cache_use_stale", "proxy_cache_methods", "proxy_ignore_headers"})  # fmt: skip
# say what one level does with a request, and nothing about the levels inside
_OWN = frozenset({"listen", "server_name", "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass",
                  "grpc_pass", "memcached_pass", "return", "rewrite", "set", "break", "try_files",
                  "stub_status", "alias", "internal"})  # fmt: skip
# kept in one list by Nginx, so that a level that sets either inherits neither
_TOGETHER = {"deny": "allow"}
_METHODS = frozenset({"least_conn", "ip_hash", "hash", "random", "least_time"})
_SERVER_DEFAULTS = {"weight": "1", "max_fails": "1", "fail_timeout": "10s", "max_conns": "0"}

# the contexts that a connection is served in; what only others know, such as log_format, is not handed down
_REQUESTS = (
    CONTEXTS["http", "server"]
    | CONTEXTS["http", "location"]
    | CONTEXTS["stream", "server"]
    | CONTEXTS["mail", "server"]
)

_Kind = tuple[str, ...]
_Level = dict[str, list[tuple[str, list[str]]]]
_Found = dict[str, list[str | list[str]]]


def effective(directives: list[dict[str, Any]]) -> dict[str, Any]:
    """Every directive in effect, by context: `http > server NAME ssl > location / > proxy_read_timeout`.

    A context inherits a directive, with all its lines, exactly when it has no line of that directive itself.
    A server stands there once for each of its names. What is set to several values is the list of them, so
    that neither of two servers with one name hides the other.
    """
    found: _Found = {}
    _enter(directives, (), "", {}, found)
    values: dict[str, Any] = {}
    for setting, written in found.items():
        distinct = [value for place, value in enumerate(written) if value not in written[:place]]
        values[setting] = distinct[0] if len(distinct) == 1 else [_words_of(value) for value in distinct]
    return values


def _enter(block: list[dict[str, Any]], kind: _Kind, path: str, outer: _Level, found: _Found) -> None:
    """Add what holds in one context, and in those inside it, to `found`."""
    level: _Level = {}
    for directive in block:
        if "block" not in directive:
            name = directive["directive"]
            level.setdefault(_TOGETHER.get(name, name), []).append((name, directive["args"]))
    level = {**{name: lines for name, lines in outer.items() if _inherits(name, kind)}, **level}
    upstream = kind[-1:] == ("upstream",)
    for lines in level.values():
        for name, args in lines:
            _put_directive(found, path, name, args, keyed=name in _KEYED or (upstream and name == "server"))
    if upstream:
        _put_upstream(found, path, level)
    for directive in block:
        if "block" in directive:
            inner = enter_block_ctx(directive, kind)
            for name in _names(directive):
                _enter(directive["block"], inner, _join(path, name), level, found)


def _inherits(name: str, kind: _Kind) -> bool:
    """Whether a directive set outside is in effect in a context of this kind."""
    if name in _OWN or kind not in CONTEXTS or kind[-1:] == ("upstream",):
        return False
    return name not in DIRECTIVES or any(mask & _REQUESTS for mask in DIRECTIVES[name])


def _names(directive: dict[str, Any]) -> list[str]:
    """What a block's context is called. A server without a name is called by where it listens."""
    if directive["directive"] != "server" or directive["args"]:
        return [" ".join([directive["directive"], *directive["args"]])]
    inside: dict[str, list[list[str]]] = {}
    for line in directive["block"]:
        inside.setdefault(line["directive"], []).append(line["args"])
    listens = inside.get("listen", [["*:80"]])
    names = [name for args in inside.get("server_name", []) for name in args]
    encrypted = any("ssl" in args or "quic" in args for args in listens) or ["on"] in inside.get("ssl", [])
    return [f"server {name}{' ssl' if encrypted else ''}" for name in names or [listens[0][0]]]


def _put_directive(found: _Found, path: str, name: str, args: list[str], keyed: bool) -> None:
    if keyed and args:
        name, args = f"{name} {_with_port(args[0]) if name == 'server' else args[0]}", args[1:]
    setting = _join(path, name)
    shown = [arg or '""' for arg in args]
    _put(found, setting, shown if name in _SETS else " ".join(shown) or "on")
    for place, arg in enumerate(shown, start=1):
        if len(shown) > 1 and name not in _SETS:
            _put(found, f"{setting} > {place}", arg)
        key, equals, value = arg.partition("=")
        if equals and re.fullmatch(r"[a-z_]+", key):
            _put(found, f"{setting} > {key}", value)
    if name.startswith("log_format "):
        _put(found, f"{setting} > variables", re.findall(r"\$\{?([a-z0-9_]+)", " ".join(args)))
    if name == "ssl_session_cache":
        for size in re.findall(r"shared:[^:]+:(\S+)", " ".join(args)):
            _put(found, f"{setting} > size", size)


def _put_upstream(found: _Found, path: str, level: _Level) -> None:
    """What an upstream does without saying so: its method, its servers, and their parameters."""
    methods = [" ".join([name, *args]) for name in level.keys() & _METHODS for _, args in level[name]]
    _put(found, f"{path} > method", methods[0] if methods else "round_robin")
    servers = [args for _, args in level.get("server", []) if args]
    _put(found, f"{path} > servers", [_with_port(args[0]) for args in servers if "down" not in args])
    for args in servers:
        for name, value in _SERVER_DEFAULTS.items():
            found.setdefault(f"{path} > server {_with_port(args[0])} > {name}", [value])


def _with_port(address: str) -> str:
    return address if re.search(r":[0-9]+$|^unix:", address) else f"{address}:80"


def _join(path: str, name: str) -> str:
    return f"{path} > {name}" if path else name


def _put(found: _Found, setting: str, value: str | list[str]) -> None:
    found.setdefault(setting, []).append(value)


def _words_of(value: str | list[str]) -> str:
    return value if isinstance(value, str) else " ".join(value)


_CONTEXT = re.compile(r"events|http|stream|(upstream|server|location|if|map) .*")


def _find_block(segments: Sequence[str]) -> str:
    """The directive that a setting names, or a whole block if it names none inside."""
    inside = [segment for segment in segments if not _CONTEXT.fullmatch(segment)]
    name = (inside or segments)[0]
    if name in ("method", "servers"):
        return grep(segments[1], "-nwE -A 12")
    return grep(name, "-nwE")


PROBES: Mapping[str, Probe] = {
    "nginx_config": Probe(
        config,
        by_hand={
            "": "{binary} -p {directory}/ -c {config} -T 2>/dev/null | grep {search}",
        },
        over=Over.HOST,
        typed_on_host=True,
        search=_find_block,
    ),
    "nginx_process": Probe(
        process,
        by_hand={
            "": "stat -c '%y %n' {config}; ps -o pid,lstart,args --ppid $(cat {pid_file})",
            "test": "{binary} -p {directory}/ -c {config} -t",
            "limits": "grep -H 'open files' $(pgrep -P $(cat {pid_file}) | sed 's|.*|/proc/&/limits|')",
        },
        over=Over.HOST,
        typed_on_host=True,
        tells_version=True,
    ),
    "nginx_status": Probe(
        status,
        by_hand={"": f"curl -s http://{{address}}:{{status}}{STATUS_PATH}"},
        requests=STATUS_REQUESTS,
    ),
    **probes.PROBES,
}
