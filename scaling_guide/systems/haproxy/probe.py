"""HAProxy: what its file says, and what the running process does.

Only commands that begin with `show` are ever sent to a socket.
"""

import csv
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from scaling_guide.model.environments import Environment
from scaling_guide.probes import staleness
from scaling_guide.probes.observation import Found, Malformed, Unreachable, Unsupported
from scaling_guide.probes.probe import Over, Probe, grep
from scaling_guide.probes.secrets import complaint
from scaling_guide.probes.transport import Output, Talk, ask
from scaling_guide.systems.haproxy.target import HaproxyTarget
from scaling_guide.systems.web import probes

LEVEL = "operator"

_NO_SUCH_COMMAND = 127
_DENIED = "Permission denied"
# the kernel keeps so much of a program's name
_NAME_LENGTH = 15


def config(environment: Environment, target: HaproxyTarget, deadline: float) -> Found:
    """The settings in effect in each section of the file on disk, and the binary's verdict on the file.

    A file that the binary refuses is still read. Raises Unreachable where no master answers, since the file
    of a dead server says nothing about a live environment, or the checker's user may not read or test it,
    Unsupported for a file with conditional lines, and as the transport does.
    """
    binary, file = shlex.quote(target.binary), shlex.quote(target.config)
    questions: dict[str, str | Talk] = {
        "version": f"{binary} -v 2>&1",
        "test": f"{binary} -c -f {file} 2>&1",
        "file": f"cat -- {file}",
        "master": Talk(target.master_socket, "show proc\n"),
    }
    answers = ask(target.host, questions, deadline)
    _processes(target.master_socket, answers["master"].stdout)
    if answers["version"].exit_code == _NO_SUCH_COMMAND:
        raise Unreachable(f"{target.host} has no `{target.binary}`: correct `binary` of {target.id}")
    if answers["file"].exit_code:
        said = answers["file"].stderr.strip().splitlines()
        raise Unreachable(f"the configuration cannot be read: {said[-1] if said else 'no reason given'}")
    version = _version(answers["version"].stdout)
    return version, {**_tested(answers["test"]), **effective(answers["file"].stdout)}


def runtime(environment: Environment, target: HaproxyTarget, deadline: float) -> Found:
    """What the worker and its master say of themselves, and whether the worker is younger than the file.

    Raises Unreachable where a socket does not answer or the worker cannot be seen on the host, Unsupported
    where the socket's level or the version shows too little, Malformed for half an answer, and as the
    transport does.
    """
    name = PurePosixPath(target.binary).name[:_NAME_LENGTH]
    questions: dict[str, str | Talk] = {
        "worker": Talk(target.operator_socket, "show cli level;show info;show stat;show servers state\n"),
        "master": Talk(target.master_socket, "show proc\n"),
        "file": f"printf '%s\\n' {shlex.quote(target.config)} | {staleness.CHANGES}",
        "processes": f"grep -hsF -e {shlex.quote(f'({name}')} /proc/[0-9]*/stat",
        "clock": staleness.CLOCK,
    }
    answers = ask(target.host, questions, deadline)
    level, info, stat, state = _parts(target.operator_socket, answers["worker"].stdout)
    if level == "user":
        raise Unsupported(f"{target.operator_socket} is of level user, which hides columns: give it {LEVEL}")
    facts = _info(target.operator_socket, info)
    ticks = _started(target, facts["Pid"], answers["processes"].stdout)
    changed = staleness.newest_change(answers["file"].stdout)
    old = staleness.clock(answers["clock"].stdout).started_before(ticks, changed)
    return _version(facts["Version"]), {
        **{f"info > {key}": value for key, value in facts.items()},
        **_processes(target.master_socket, answers["master"].stdout),
        "worker > older than disk": "yes" if old else "no",
        **_stat(target.operator_socket, stat),
        **_state(target.operator_socket, state),
    }


def _version(text: str) -> str:
    version = re.search(r"[0-9]+(?:\.[0-9]+)+", text)
    if not version:
        raise Malformed(f"HAProxy says no version: {text.strip()!r}")
    return version[0]


def _tested(answer: Output) -> dict[str, Any]:
    """The verdict of `haproxy -c`. Raises Unreachable where it speaks of the checker and not of the file."""
    # the process id would make every message new
    said = [re.sub(r"\s+\([0-9]+\) : ", " ", line) for line in answer.stdout.splitlines()]
    alerts = [line for line in said if line.startswith("[ALERT]")]
    if answer.exit_code == 0:
        return {"test > result": "ok", "test > message": "\n".join(said) or "ok"}
    if any(_DENIED in line for line in alerts):
        raise Unreachable(f"the checker's user may not test the file: {alerts[0]}: let it use sudo")
    result = (alerts or said[-1:] or [f"`haproxy -c` ended with {answer.exit_code}"])[0]
    return {"test > result": complaint(result), "test > message": complaint("\n".join(said) or result)}


# --------------------------------------------------------------------------------- the running process

# what of `show stat` is observed; `check_status` is called `check`
_COLUMNS = ("status", "weight", "act", "bck", "qcur", "qmax", "scur", "smax", "slim", "econ", "eresp",
            "wretr", "wredis", "chkfail", "chkdown", "lastchg", "qlimit", "throttle", "check_code",
            "check_rise", "check_fall", "hrsp_5xx", "addr", "cookie")  # fmt: skip
# a backend has no status of its own to be taken for that of a server
_BACKEND_COLUMNS = ("algo", "act", "bck")
_FRONTEND, _BACKEND, _SERVER = "0", "1", "2"
_STATE = {"admin": "srv_admin_state", "operational": "srv_op_state", "weight": "srv_uweight",
          "initial weight": "srv_iweight"}  # fmt: skip


def _parts(socket: str, answer: str) -> list[str]:
    """The answers to the four commands. Each ends in an empty line, which tells half an answer."""
    parts = answer.split("\n\n")
    if len(parts) != 5 or parts[-1] or parts[0] not in ("user", "operator", "admin"):
        raise Malformed(f"{socket}: not the whole of HAProxy's answer: {answer[:60]!r}")
    return parts[:-1]


def _info(socket: str, text: str) -> dict[str, str]:
    facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if not {"Pid", "Version"} <= facts.keys():
        raise Malformed(f"{socket}: `show info` names neither process nor version")
    return facts


def _started(target: HaproxyTarget, pid: str, processes: str) -> int:
    for line in processes.splitlines():
        if line.startswith(f"{pid} "):
            return staleness.start_ticks(line)
    raise Unreachable(f"process {pid} of HAProxy cannot be seen on {target.host}: is it the socket's host?")


def _processes(socket: str, text: str) -> dict[str, Any]:
    if not text.startswith("#<PID>"):
        raise Malformed(f"{socket}: not HAProxy's answer to `show proc`: {text[:60]!r}")
    master = re.search(r"^[0-9]+\s+master\s+([0-9]+) (?:\[failed: ([0-9]+)\])?", text, re.MULTILINE)
    if not master:
        raise Malformed(f"{socket}: `show proc` names no master")
    if master[2] is None:
        raise Unsupported(f"{socket}: this version does not count failed reloads")
    return {"process > reloads": int(master[1]), "process > failed reloads": int(master[2])}


def _stat(socket: str, text: str) -> dict[str, Any]:
    rows = list(csv.DictReader(text.removeprefix("# ").splitlines(), restval=None, restkey="rest"))
    if not rows or any(None in row.values() or "rest" in row for row in rows):
        raise Malformed(f"{socket}: `show stat` has rows that do not fit its heading")
    values: dict[str, Any] = {}
    for row in rows:
        proxy, name, kind = row["pxname"], row["svname"], row["type"]
        columns = _BACKEND_COLUMNS if kind == _BACKEND else _COLUMNS if kind in (_FRONTEND, _SERVER) else ()
        values |= {f"stat > {proxy} > {name} > {column}": row[column] for column in columns if row[column]}
        if kind == _BACKEND:
            values.setdefault(f"stat > {proxy} > servers", [])
        if kind == _SERVER:
            # a check in flight is shown by an asterisk before the result of the last one
            values[f"stat > {proxy} > {name} > check"] = row["check_status"].removeprefix("* ") or "none"
            values.setdefault(f"stat > {proxy} > servers", []).append(row["addr"])
    return values


def _state(socket: str, text: str) -> dict[str, Any]:
    """The administrative state and the weights that the command line can change and a reload keeps."""
    version, _, table = text.partition("\n")
    if version != "1":
        raise Malformed(f"{socket}: `show servers state` has format {version!r}, known is 1")
    heading, *lines = table.splitlines() or [""]
    names = heading.removeprefix("# ").split()
    values: dict[str, Any] = {}
    for line in lines:
        fields = line.split()
        if len(fields) != len(names):
            raise Malformed(f"{socket}: `show servers state` has rows that do not fit its heading")
        row = dict(zip(names, fields, strict=True))
        for name, column in _STATE.items():
            values[f"state > {row['be_name']} > {row['srv_name']} > {name}"] = int(row[column])
    return values


# ------------------------------------------------------------------------------------- the file on disk

_SECTIONS = frozenset({"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers",
                       "userlist", "mailers", "cache", "program", "http-errors", "ring", "log-forward",
                       "fcgi-app", "crt-store", "traces", "log-profile", "acme"})  # fmt: skip
_PROXIES = frozenset({"frontend", "backend", "listen"})
# bare numbers are milliseconds
_MILLISECONDS = frozenset({"inter", "fastinter", "downinter", "slowstart", "agent-inter", "hard-stop-after",
                           "pool-purge-delay", "grace"})  # fmt: skip
# a further line adds to the ones before
_RULES = frozenset({"acl", "bind", "use_backend", "log", "capture", "stick", "filter", "http-request",
                    "http-response", "http-after-response", "http-check", "tcp-request", "tcp-response",
                    "tcp-check", "server-template", "setenv", "presetenv"})  # fmt: skip
# told apart by their second word
_KEYED = frozenset({"acl", "bind", "option", "timeout", "stats", "errorfile", "use_backend", "capture",
                    "stick", "setenv", "presetenv", "server-template", "compression"})  # fmt: skip
_ACTIONS = frozenset({"http-request", "http-response", "http-after-response"})
_HEADERS = frozenset({"set-header", "add-header", "del-header", "replace-header", "replace-value"})
_LISTS = frozenset({"retry-on", "ssl-default-bind-options", "ssl-default-server-options"})
_COOKIE_VALUES = frozenset({"domain", "maxidle", "maxlife", "attr"})
_SOCKET_VALUES = frozenset(
    {"mode", "level", "user", "group", "uid", "gid", "process", "expose-fd", "namespace"}
)
_SERVER_FLAGS = frozenset({"allow-0rtt", "agent-check", "backup", "check", "check-send-proxy", "check-ssl",
                           "check-via-socks4", "disabled", "enabled", "force-sslv3", "force-tlsv10",
                           "force-tlsv11", "force-tlsv12", "force-tlsv13", "non-stick", "send-proxy",
                           "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "ssl", "ssl-reuse",
                           "stick", "tfo", "tls-tickets"})  # fmt: skip
_SERVER_DEFAULTS = {"check": "off", "inter": "2s", "fall": "3", "rise": "2", "weight": "1", "maxconn": "0",
                    "maxqueue": "0", "slowstart": "0s"}  # fmt: skip
_MATCHES = ("status", "rstatus", "hdr", "fhdr", "string", "rstring")
_COMPARISONS = frozenset({"eq", "ge", "gt", "le", "lt"})

_Words = list[str]


@dataclass
class _Section:
    kind: str
    name: str
    lines: list[_Words] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}".strip()


def effective(text: str) -> dict[str, Any]:
    """Every setting in effect, by section: `backend app > server app-1 > inter`.

    A proxy has what its `defaults` section sets and it does not, a server what `default-server` sets and
    HAProxy itself would assume. Rules that stand there more than once are a list. Raises Unsupported for
    conditional lines, which depend on where the file is loaded.
    """
    values: dict[str, Any] = {}
    for section, lines in _with_defaults(_sections(text)):
        acls = {words[1]: words[2:] for words in lines if words[0] == "acl" and len(words) > 2}
        found: dict[str, list[Any]] = {}
        for words in lines:
            for name, value in _settings(words, acls):
                if words[0] in _RULES:
                    found.setdefault(name, []).append(value)
                else:
                    found[name] = [value]
        settings = {name: written[0] if len(written) == 1 else written for name, written in found.items()}
        settings |= _servers(lines)
        values |= {f"{section.title} > {name}": value for name, value in settings.items()}
    return values


def _sections(text: str) -> Iterator[_Section]:
    section: _Section | None = None
    for line in text.splitlines():
        words = _split(line)
        if not words:
            continue
        if words[0] == ".if":
            raise Unsupported("the file has `.if` lines: what is in effect depends on where it is loaded")
        if words[0] in _SECTIONS:
            if section:
                yield section
            named = words[1:2] if words[1:2] != ["from"] else []
            section = _Section(words[0], "".join(named), [words])
        elif section and not words[0].startswith("."):
            section.lines.append(words)
    if section:
        yield section


def _split(line: str) -> _Words:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        # a quote that is not closed: HAProxy refuses the line, and the rest of the file still speaks
        return line.split()


def _with_defaults(sections: Iterator[_Section]) -> Iterator[tuple[_Section, list[_Words]]]:
    """Each section with the lines that hold in it, those of its `defaults` first, its heading left out."""
    known: dict[str, list[_Words]] = {}
    last: list[_Words] = []
    for section in sections:
        heading, *lines = section.lines
        base = known.get(heading[heading.index("from") + 1], []) if "from" in heading[:-1] else None
        if section.kind == "defaults":
            last = known[section.name] = [*(base or []), *lines]
            yield section, last
        elif section.kind in _PROXIES:
            inherited = last if base is None else base
            rules = {words[0] for words in lines if words[0] in _RULES}
            yield section, [*(words for words in inherited if words[0] not in rules), *lines]
        else:
            yield section, lines


def _settings(words: _Words, acls: Mapping[str, _Words]) -> Iterator[tuple[str, Any]]:
    """What one line sets, by name."""
    head, *rest = words
    if head == "no" and len(rest) > 1:
        yield " ".join(rest[:2]), "off"
    elif head == "cookie" and rest:
        yield from _cookie(rest)
    elif words[:2] == ["stats", "socket"] and len(rest) > 1:
        path = PurePosixPath(rest[1]).name
        given = dict(_pairs(rest[2:], _SOCKET_VALUES))
        yield from _under(f"stats socket {path}", {"path": rest[1], "level": LEVEL, **given})
    elif words[:2] == ["http-check", "send"]:
        yield from _under("http-check send", dict(_sent(rest[1:])))
    elif words[:2] == ["http-check", "expect"]:
        yield from _expected(rest[1:])
    elif words[:2] == ["monitor", "fail"]:
        yield from _monitored(rest[1:], acls)
    elif words[:2] == ["compression", "type"]:
        yield "compression type", rest[1:]
    elif head in _ACTIONS and rest:
        yield from _acted(head, rest)
    elif head in _KEYED and rest:
        yield f"{head} {rest[0]}", _value(rest[1:], milliseconds=head == "timeout")
    elif head in _LISTS:
        yield head, rest
    elif head not in ("server", "default-server"):
        yield head, _value(rest, milliseconds=head in _MILLISECONDS)


def _value(words: _Words, milliseconds: bool = False) -> str:
    text = " ".join(word or '""' for word in words) or "on"
    return f"{text}ms" if milliseconds and text.isdecimal() else text


def _under(name: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        yield f"{name} > {key}", value


def _pairs(words: _Words, valued: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Parameters and their values; those that take none are `on`."""
    rest = iter(words)
    for word in rest:
        yield word, next(rest, "") if word in valued else "on"


def _cookie(words: _Words) -> Iterator[tuple[str, Any]]:
    given = list(_pairs(words[1:], _COOKIE_VALUES))
    yield "cookie", words[0]
    yield "cookie > flags", [name for name, _ in given if name not in _COOKIE_VALUES]
    yield from _under("cookie", {name: value for name, value in given if name in _COOKIE_VALUES})


def _sent(words: _Words) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        yield (f"hdr {next(rest, '')}" if word == "hdr" else word), next(rest, "")


def _expected(words: _Words) -> Iterator[tuple[str, str]]:
    places = [words.index(match) for match in _MATCHES if match in words]
    if places:
        place = min(places)
        negated = "! " if "!" in words[:place] else ""
        yield f"http-check expect {words[place]}", negated + _value(words[place + 1 :])


def _monitored(words: _Words, acls: Mapping[str, _Words]) -> Iterator[tuple[str, str]]:
    """The condition under which the load balancer calls itself sick, and the tests that it consists of."""
    yield "monitor fail", _value(words[1:] if words[:1] == ["if"] else words)
    spelt = [part for word in words for part in (["{", *acls[word], "}"] if word in acls else [word])]
    for test in re.findall(r"\{ (.*?) \}", " ".join(spelt)):
        fetch, *rest = test.split()
        if rest and rest[0] in _COMPARISONS:
            fetch, rest = f"{fetch} {rest[0]}", rest[1:]
        yield f"monitor fail > {fetch}", _value(rest)


def _acted(head: str, words: _Words) -> Iterator[tuple[str, str]]:
    """A rule by its action: what is done, or where there is nothing to say of that, when."""
    place = next((place for place, word in enumerate(words) if word in ("if", "unless")), len(words))
    action, *arguments = words[:place]
    when = _value(words[place + 1 :] if words[place : place + 1] == ["if"] else words[place:])
    if action in _HEADERS and arguments:
        action, arguments = f"{action} {arguments[0]}", arguments[1:]
    condition = when if place < len(words) else "always"
    yield f"{head} {action}", _value(arguments) if arguments else condition
    if arguments:
        yield f"{head} {action} > if", condition


def _servers(lines: list[_Words]) -> dict[str, str]:
    """The parameters in effect of each server. `default-server` lines add to each other."""
    defaults: dict[str, str] = {}
    values: dict[str, str] = {}
    for head, *rest in lines:
        if head == "default-server":
            defaults |= _parameters(rest)
        if head == "server" and len(rest) > 1:
            given = {**defaults, **_parameters(rest[2:])}
            settings = {"address": rest[1], **_SERVER_DEFAULTS, **given}
            for name in ("fastinter", "downinter"):
                settings.setdefault(name, settings["inter"])
            values |= dict(_under(f"server {rest[0]}", settings))
    return values


def _parameters(words: _Words) -> dict[str, str]:
    parameters: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word in _SERVER_FLAGS:
            parameters[word] = "on"
        elif word.startswith("no-") and word.removeprefix("no-") in _SERVER_FLAGS:
            parameters[word.removeprefix("no-")] = "off"
        else:
            parameters[word] = _value([next(rest, "")], milliseconds=word in _MILLISECONDS)
    return parameters


_OPERATOR = "socat stdio {operator_socket}"


def _find_line(segments: Sequence[str]) -> str:
    return shlex.quote(f"^{segments[-1]}:")


def _find_directive(segments: Sequence[str]) -> str:
    words = segments[1:] or segments
    name = words[-1] if words[0].startswith("server ") else words[0]
    # known by its base name, written with its path
    return grep(re.sub(r"^stats socket ", "stats socket .*", name), "-nwE")


PROBES: Mapping[str, Probe] = {
    "haproxy_config": Probe(
        config,
        by_hand={
            "": "grep {search} {config}",
            "test": "{binary} -c -f {config}",
        },
        over=Over.HOST | Over.SOCKET,
        typed_on_host=True,
        search=_find_directive,
    ),
    "haproxy_runtime": Probe(
        runtime,
        by_hand={
            "": f"echo 'show info' | {_OPERATOR}",
            "info": f"echo 'show info' | {_OPERATOR} | grep {{search}}",
            "process": "echo 'show proc' | socat stdio {master_socket}",
            "stat": f"echo 'show stat' | {_OPERATOR} | cut -d, -f1-3,18-20,23,37,74,77",
            "state": f"echo 'show servers state' | {_OPERATOR} | cut -d' ' -f2,4,6-9",
            "worker": "stat -c '%y %n' {config}; "
            f"ps -o pid,lstart -p $(echo 'show info' | {_OPERATOR} | sed -n 's/^Pid: //p')",
        },
        over=Over.SOCKET,
        typed_on_host=True,
        search=_find_line,
        tells_version=True,
    ),
    **probes.PROBES,
}
