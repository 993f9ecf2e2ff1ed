"""Read a target's host over its testinfra URI, so that a dead transport is never taken for an answer.

testinfra knows how a command gets to a host. Added here is what a judgement needs: every script ends in a
mark that only its own shell can have printed, and no mark means no answer, whatever the exit code says; the
local process that carries the script, and all that it started, is killed at the deadline.

Scripts are for `sh`. They appear in process lists, so no secret may stand in one.
"""

import errno
import math
import os
import re
import secrets
import shlex
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from testinfra.backend import get_backend, parse_hostspec

from scaling_guide.probes import ssh
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.probes.process import LONGEST_ANSWER, run_line

LOCAL, SSH = "local", "ssh"
CONNECTIONS = (LOCAL, SSH, "docker", "podman", "kubectl")

# an ordinary user's PATH does not name the directories that servers are installed in
_PRELUDE = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C; export PATH LC_ALL"
# a script whose carrier was killed does not live on where it was carried to; `timeout` may be missing there
_BOUNDED = """timeout -s KILL 9 true 2>/dev/null && exec timeout -s KILL "$1" sh -c "$0"; exec sh -c "$0\""""
_NO_SUCH_COMMAND = 127


@dataclass(frozen=True)
class Output:
    """What a command said and how it ended. `exit_code` is the command's own, never the transport's."""

    exit_code: int
    stdout: str
    stderr: str = ""


@dataclass(frozen=True)
class Talk:
    """Lines for a Unix socket on the host. The answer is all that comes back until the other side closes."""

    socket: str
    text: str


def run(host: str, script: str, deadline: float) -> Output:
    """What `script` says on `host` within `deadline` seconds.

    Raises Unreachable where the transport does not get there or dies on the way, Timeout, Malformed where
    something answers that is not the script, and Unsupported for a host URI that knows no deadline.
    """
    return ask(host, {"": script}, deadline)[""]


def ask(
    host: str, questions: Mapping[str, str | Talk], deadline: float, before: str = ""
) -> dict[str, Output]:
    """The answers to several questions by their names, in one round trip. Raises as `run` does.

    A script that fails is an answer; a socket that does not answer is Unreachable. Each script runs in a
    subshell of its own that knows the functions and variables of `before`; they share one standard error,
    which every Output of theirs repeats.
    """
    ends = time.monotonic() + deadline
    answers: dict[str, Output] = {}
    scripts = dict(questions)
    if is_local(host):
        for name, question in questions.items():
            if isinstance(question, Talk):
                answers[name] = Output(0, _talk(question, ends))
                del scripts[name]
    if scripts:
        answers |= _answers(host, scripts, ends, before)
    return answers


def is_local(host: str) -> bool:
    """Whether `host` is this machine, where sockets and files can be reached without a transport."""
    return _connection(host) == LOCAL


def is_shared(host: str) -> bool:
    """Whether looks at `host` share one connection, which is opened before the first of them."""
    return _connection(host) == SSH


def connect(host: str, deadline: float) -> None:
    """Open the connection that looks at `host` share, if it is not open. Raises as `run` does."""
    _check(host)
    _shared(host).open(time.monotonic() + deadline)


def disconnect(host: str) -> None:
    """Close the connection that looks at `host` share, if it is open."""
    _shared(host).close()


def exchange(family: int, address: str | tuple[str, int], text: str, deadline: float) -> str:
    """Send `text` to a socket of this machine's network and return all that comes back until it closes.

    `family` and `address` are as in `socket`. Raises OSError where the connection fails, TimeoutError at the
    deadline, however slowly the other side drips, and Malformed for more than LONGEST_ANSWER.
    """
    ends = time.monotonic() + deadline
    received = bytearray()
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(_left(ends))
        connection.connect(address)
        connection.sendall(text.encode())
        if family == socket.AF_UNIX:
            # some servers do not close before the client has
            connection.shutdown(socket.SHUT_WR)
        while True:
            connection.settimeout(_left(ends))
            part = connection.recv(65536)
            if not part:
                return received.decode(errors="replace")
            received += part
            if len(received) > LONGEST_ANSWER:
                raise Malformed(f"{address}: the answer does not end after {LONGEST_ANSWER:,} bytes")


def typed(host: str, command: str) -> str:
    """`command` as a person would type it here to have it run on `host`, without the password in its URI."""
    spec, options = parse_hostspec(host)
    namespace = f"-n {options['namespace']} " if "namespace" in options else ""
    container = f" -c {options['container']}" if "container" in options else ""
    login, at, name = spec.rpartition("@")
    user = login.partition(":")[0]
    spec = f"{user}{at}{name}"
    as_user = f"-u {user} " if user else ""
    config = f"-F {shlex.quote(options['ssh_config'])} " if "ssh_config" in options else ""
    identity = f"-i {shlex.quote(options['ssh_identity_file'])} " if "ssh_identity_file" in options else ""
    if options.get("sudo"):
        command = f"sudo sh -c {_quoted(command)}"
    quoted = _quoted(command)
    carried = {
        LOCAL: command,
        SSH: f"ssh {config}{identity}{'ssh://' if ':' in name else ''}{spec} {quoted}",
        "docker": f"docker exec {as_user}{name} sh -c {quoted}",
        "podman": f"podman exec {as_user}{name} sh -c {quoted}",
        "kubectl": f"kubectl {namespace}exec {spec}{container} -- sh -c {quoted}",
    }
    return carried.get(options.get("connection", ""), command)


def _quoted(command: str) -> str:
    """`command` as one word, in the quotes that are easier to read."""
    double = "'" in command and not set('"$`\\!') & set(command)
    return f'"{command}"' if double else shlex.quote(command)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


# ------------------------------------------------------------------------------------------ scripts


def _answers(host: str, questions: Mapping[str, str | Talk], ends: float, before: str) -> dict[str, Output]:
    nonce = secrets.token_hex(16)
    parts = [_as_script(question, ends) for question in questions.values()]
    script = shlex.quote(_marked(before, parts, nonce))
    seconds = math.ceil(max(1.0, ends - time.monotonic()))
    # in its own `sh`, since the login shell of an ssh user may be any
    code, out, err = _carry(host, f"exec sh -c {shlex.quote(_BOUNDED)} {script} {seconds}", ends)
    # the first mark is where the answer begins: what a login shell says comes before it
    found = re.split(rf"\n{nonce} ([0-9]+)\n", out)[2:]
    if len(found) < 2 * len(parts) + 1:
        raise _no_answer(host, code, err, begun=bool(found))
    answers = {
        name: Output(int(found[2 * index + 1]), found[2 * index], err) for index, name in enumerate(questions)
    }
    for name, question in questions.items():
        if isinstance(question, Talk) and answers[name].exit_code:
            raise _socket_failure(question.socket, answers[name])
    return answers


def _marked(before: str, parts: list[str], nonce: str) -> str:
    """The parts one after the other, each closed by the mark and its exit code.

    A transport that merely echoes the script prints `%d` where the mark has a number.
    """
    mark = f"printf '\\n{nonce} %d\\n'"
    lines = [_PRELUDE, before, f"{mark} 0"]
    for part in parts:
        lines += ["(", part, ")", f"{mark} $?"]
    return "\n".join(lines)


def _no_answer(host: str, code: int, err: str, begun: bool) -> CannotObserve:
    if code == 0:
        return Malformed(f"{host}: the answer is cut off or is not the command's")
    return Unreachable(f"{host}: {'the connection broke off: ' if begun else ''}{ssh.complaint(code, err)}")


def _carry(host: str, command: str, ends: float) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the process that carries `command` to `host`."""
    _check(host)
    if not is_shared(host):
        return _over(host, command, ends)
    with _shared(host).session(ends) as options:
        return _over(host, command, ends, options)


def _check(host: str) -> None:
    """Raises Unsupported for a host that cannot be observed safely."""
    connection = _connection(host)
    if connection not in CONNECTIONS:
        raise Unsupported(f"{connection}:// cannot be held to a deadline: use {', '.join(CONNECTIONS)}")
    if ":" in parse_hostspec(host)[0].rpartition("@")[0]:
        raise Unsupported("a password in a host URI would show in process lists: use a key or ssh_config")


def _shared(host: str) -> ssh.Connection:
    spec, options = parse_hostspec(host)
    config = options.get("ssh_config", "")
    return ssh.connection(
        (spec, config, options.get("ssh_identity_file", "")),
        partial(_over, host),
        host,
    )


def _over(host: str, command: str, ends: float, ssh_options: str = "") -> tuple[int, str, str]:
    """What the process said that carried `command` to `host`."""
    carried: list[tuple[int, str, str]] = []

    def run_local(line: str, *args: str) -> object:
        line = line % tuple(map(shlex.quote, args)) if args else line
        carried.append(run_line(host, line, ends))
        return backend.result(0, b"", b"", b"")

    backend = get_backend(host, **({"ssh_extra_args": ssh_options} if ssh_options else {}))
    backend.run_local = run_local
    # otherwise testinfra runs Python on the host to find out
    backend._encoding = "utf-8"
    backend.run(command)
    return carried[0]


def _connection(host: str) -> str:
    return str(parse_hostspec(host)[1].get("connection", "paramiko"))


# ------------------------------------------------------------------------------------- Unix sockets

_SOCKET_REPAIRS = {
    errno.ENOENT: "is the server running, and is this the path in its configuration?",
    errno.ECONNREFUSED: "nobody listens there any more: is the server running?",
    errno.EACCES: "give the checker's user access to the socket (its mode, user or group)",
}


def _talk(talk: Talk, ends: float) -> str:
    try:
        return exchange(socket.AF_UNIX, talk.socket, talk.text, ends - time.monotonic())
    except TimeoutError:
        raise Timeout(f"{talk.socket}: no complete answer before the deadline") from None
    except OSError as error:
        raise Unreachable(_socket_message(talk.socket, error.errno, str(error))) from None


def _as_script(question: str | Talk, ends: float) -> str:
    """A question as a script; a talk goes through socat, whose complaints become the answer."""
    if isinstance(question, str):
        return question
    seconds = math.ceil(max(1.0, ends - time.monotonic()))
    address = shlex.quote(f"UNIX-CONNECT:{question.socket}")
    return f"printf '%s' {shlex.quote(question.text)} | socat -t {seconds} - {address} 2>&1"


def _socket_failure(path: str, answer: Output) -> CannotObserve:
    if answer.exit_code == _NO_SUCH_COMMAND:
        return Unsupported(f"{path}: the host has no socat to reach a Unix socket with: install it there")
    for number in _SOCKET_REPAIRS:
        if os.strerror(number) in answer.stdout:
            return Unreachable(_socket_message(path, number, ""))
    lines = answer.stdout.strip().splitlines()
    return Unreachable(f"{path}: {lines[-1] if lines else f'socat ended with {answer.exit_code}'}")


def _socket_message(path: str, number: int | None, otherwise: str) -> str:
    if number not in _SOCKET_REPAIRS:
        return f"{path}: {otherwise}"
    return f"{path}: {os.strerror(number)}: {_SOCKET_REPAIRS[number]}"
