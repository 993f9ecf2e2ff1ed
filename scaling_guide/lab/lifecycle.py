"""Up, down and status of a lab, for callers that do not want to be its parent."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any

from scaling_guide.lab import lock, processes, supervisor
from scaling_guide.lab.layout import Lab, LabError, lab
from scaling_guide.lab.owner import tail
from scaling_guide.lab.waiting import pauses

FLEET = "scaling_guide.lab.fleet:servers"
UP_SECONDS = 60.0
DOWN_SECONDS = 15.0
REQUEST_SECONDS = 30.0
STATUS_SECONDS = 2.0
# longer than the watchdog takes to end what a killed supervisor left
CLEANUP_SECONDS = 5.0

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ServerStatus:
    """One server: its state (see `owner.Entry`), what is known of it, and how long its start took."""

    name: str
    state: str
    detail: str
    pid: int | None
    seconds: float | None
    binds: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """A lab as it is now. `phase` is down, starting, up or stopping; `fresh` when this call started it."""

    number: int
    root: str
    phase: str = "down"
    tier: str | None = None
    servers: Mapping[str, ServerStatus] = field(default_factory=dict)
    fresh: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether every server is up and ready."""
        return self.phase == "up" and all(server.state == "ready" for server in self.servers.values())


def up(
    number: int | None = None, tier: str = "small", progress: Progress = lambda line: None, fleet: str = FLEET
) -> Status:
    """Start the lab in the background and return once every server is ready and proven ours.

    A lab that is up for the same tier is left as it is, except that servers that do not run are started.
    `fleet` is the `module:function` that makes the servers. `progress` gets one line for each step.
    Raises LabError, with the last log lines of the server that failed; then nothing is left running. The same
    holds for an interrupt.
    """
    where = lab(number)
    where.claim()
    lock_fd = _take_unless_up(where)
    if lock_fd is None:
        return _join(where, tier, progress)
    try:
        try:
            _launch(where, tier, fleet, lock_fd, progress)
        finally:
            os.close(lock_fd)
    except BaseException:
        # the supervisor saw its pipe close, or failed; either way it is on its way out
        _until_free(where, DOWN_SECONDS)
        raise
    return _status(where, _request(where, "status", STATUS_SECONDS), fresh=True)


def down(number: int | None = None) -> bool:
    """Stop the lab and wait until nothing of it runs. Returns whether there was something to stop.

    Raises LabError when that takes longer than it may.
    """
    where = lab(number)
    if not where.lock.exists():
        return False
    lock_fd = lock.take(where)
    was_up = lock_fd is None
    if lock_fd is None:
        with contextlib.suppress(OSError):
            _request(where, "down", STATUS_SECONDS)
        lock_fd = lock.wait_for(where, DOWN_SECONDS)
    if lock_fd is None:
        _kill_supervisor(where)
        lock_fd = lock.wait_for(where, CLEANUP_SECONDS)
    if lock_fd is None:
        raise LabError(f"lab {where.number} did not stop; see {where.log('supervisor')}")
    try:
        supervisor.end_leftovers(where)
    finally:
        os.close(lock_fd)
    return was_up


def status(number: int | None = None) -> Status:
    """What the supervisor says, or that the lab is down. Raises LabError for a supervisor that hangs."""
    where = lab(number)
    try:
        return _status(where, _request(where, "status", STATUS_SECONDS))
    except (FileNotFoundError, ConnectionError):
        return Status(where.number, str(where.root))
    except OSError as error:
        raise LabError(f"lab {where.number} does not answer: {error}; `guide lab down` ends it") from error


def command(operation: str, server: str, number: int | None = None, within: float | None = None) -> Status:
    """Have the supervisor `start`, `stop`, `kill`, `restart` or `reload` a server, and wait until it did.

    A start may take so many seconds, or as many as the server is given. Raises LabError when it could not,
    with the last log lines, or when the lab is down.
    """
    where = lab(number)
    try:
        answer = _request(where, f"{operation} {server} {within or ''}".strip(), REQUEST_SECONDS)
    except OSError as error:
        raise LabError(f"lab {where.number} is down: start it with `guide lab up`") from error
    return _status(where, answer)


def _import_path(where: Lab) -> str:
    """PYTHONPATH with the lab's checkout first, and what the caller has on it after that."""
    return os.pathsep.join((str(where.repo), *filter(None, [os.environ.get("PYTHONPATH")])))


def _launch(where: Lab, tier: str, fleet: str, lock_fd: int, progress: Progress) -> None:
    """Start a supervisor that owns the lab, and follow its report until all is ready. Raises LabError."""
    report_fd, supervisors_end = os.pipe()
    arguments = ("--lab", where.number, "--tier", tier, "--fleet", fleet)
    descriptors = ("--lock-fd", lock_fd, "--report-fd", supervisors_end)
    # setsid --fork: a session of its own, and no child that the caller would have to wait for
    command = ("setsid", "--fork", sys.executable, "-m", supervisor.__name__, *arguments, *descriptors)
    with open(report_fd, "rb", buffering=0) as report:
        try:
            with where.log("supervisor").open("wb") as log:
                subprocess.run(
                    tuple(map(str, command)),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=where.root,
                    env={**os.environ, "PYTHONPATH": _import_path(where)},
                    pass_fds=(lock_fd, supervisors_end),
                    check=True,
                )
        except OSError as error:
            raise LabError(f"the supervisor cannot be started: {error}") from error
        finally:
            os.close(supervisors_end)
        for event in _events(report.fileno(), UP_SECONDS):
            if event.get("phase") == "up":
                return
            if event.get("phase") == "failed":
                raise LabError(event["reason"], event["server"], tuple(event["log"]))
            progress(_line(event))
    log_lines = tail(where.log("supervisor"))
    raise LabError("the supervisor ended before the lab was up", log=log_lines)


def _events(report_fd: int, seconds: float) -> Iterator[dict[str, Any]]:
    """The JSON lines of the report until it ends. Raises LabError when it takes too long."""
    deadline, received = time.monotonic() + seconds, b""
    while True:
        readable, _, _ = select.select([report_fd], [], [], max(0, deadline - time.monotonic()))
        if not readable:
            raise LabError(f"the lab was not up after {seconds:g} s")
        read = os.read(report_fd, 65536)
        if not read:
            return
        *lines, received = (received + read).split(b"\n")
        yield from map(json.loads, lines)


def _line(event: Mapping[str, Any]) -> str:
    took = f" after {event['seconds']:.2f} s" if event["state"] == "ready" else ""
    detail = f": {event['detail']}" if event["detail"] else ""
    return f"{event['server']} {event['state']}{took}{detail}"


def _join(where: Lab, tier: str, progress: Progress) -> Status:
    """Use the lab that somebody else started, once it is up."""
    progress(f"lab {where.number} is up already")
    try:
        found = _status(where, _request(where, "status", STATUS_SECONDS))
        if found.tier != tier:
            raise LabError(f"lab {where.number} is up for tier {found.tier}: `guide lab down` it first")
        return _status(where, _request(where, "up", UP_SECONDS))
    except OSError as error:
        raise LabError(f"lab {where.number} went down meanwhile: try again") from error


def _take_unless_up(where: Lab) -> int | None:
    """The lock, once what an earlier lab left has ended; None when a supervisor holds it and answers."""
    lock_fd = lock.take(where)
    for pause in pauses(CLEANUP_SECONDS):
        if lock_fd is not None:
            return lock_fd
        with contextlib.suppress(FileNotFoundError, ConnectionError):
            _request(where, "status", STATUS_SECONDS)
            return None
        time.sleep(pause)
        lock_fd = lock.take(where)
    raise LabError(f"another process holds lab {where.number} and does not answer: try `guide lab down`")


def _request(where: Lab, line: str, seconds: float) -> dict[str, Any]:
    """The supervisor's answer to one line. Raises OSError where there is none, LabError for a refusal."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(str(where.control))
        connection.sendall(line.encode() + b"\n")
        with connection.makefile("rb") as lines:
            received = lines.readline()
    if not received:
        raise ConnectionResetError("the supervisor closed the connection without an answer")
    answer: dict[str, Any] = json.loads(received)
    if not answer["ok"]:
        raise LabError(answer["reason"], answer["server"], tuple(answer["log"]))
    return answer


def _status(where: Lab, answer: Mapping[str, Any], fresh: bool = False) -> Status:
    servers = {
        name: ServerStatus(
            name, found["state"], found["detail"], found["pid"], found["seconds"], tuple(found["binds"])
        )
        for name, found in answer["servers"].items()
    }
    return Status(where.number, str(where.root), answer["phase"], answer["tier"], servers, fresh)


def _until_free(where: Lab, seconds: float) -> None:
    lock_fd = lock.wait_for(where, seconds)
    if lock_fd is not None:
        os.close(lock_fd)


def _kill_supervisor(where: Lab) -> None:
    """End a supervisor that hangs; its watchdog ends the servers."""
    with contextlib.suppress(OSError, ValueError, ProcessLookupError):
        found = json.loads(where.state.read_text())["supervisor"]
        if processes.is_same(found["pid"], found["created"]):
            os.kill(found["pid"], SIGKILL)
