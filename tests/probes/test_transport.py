"""A host's answer is the script's own, whole and in time; everything else has a name that is not an answer.

The far ends are stand-ins for `ssh` and `docker` on PATH: they do to a script what a host would, or worse.
"""

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scaling_guide.probes import process, transport
from scaling_guide.probes.observation import CannotObserve, Malformed, Timeout, Unreachable, Unsupported
from scaling_guide.probes.transport import Output, Talk, ask, run, typed

LOCAL, SSH, DOCKER = "local://", "ssh://checker@lb.internal", "docker://lb-1"
LAST = "for last; do :; done"
OBEY = f'{LAST}; exec sh -c "$last"'
CONNECT = f'{LAST}; [ "$last" != true ] || exit 0'

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a program of this name, with this shell text, in front of all others."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def put(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return put


# ------------------------------------------------------------------------------------------ answers


def test_an_answer_is_what_the_script_said_and_how_it_ended() -> None:
    assert run(LOCAL, "printf 'one\\n\\n'; echo two >&2; exit 3", 5) == Output(3, "one\n\n", "two\n")


def test_output_without_a_last_newline_stays_as_it_is() -> None:
    assert run(LOCAL, "printf one", 5).stdout == "one"


def test_programs_of_the_system_are_found_without_being_on_the_users_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert run(LOCAL, "command -v nginx", 5).stdout.strip() == "/usr/sbin/nginx"


def test_several_questions_take_one_round_trip_and_do_not_disturb_each_other(program: Program) -> None:
    program("ssh", f'{LAST}; echo "$last" >>"$0.log"\n{OBEY}')
    questions = {"one": "cd /; exit 1", "two": "pwd; say", "three": "printf '%s' \"$known\""}
    answers = ask(SSH, questions, 5, before="known=before; say() { echo said; }")
    assert [(answer.exit_code, answer.stdout) for answer in answers.values()] == [
        (1, ""),
        (0, f"{Path.cwd()}\nsaid\n"),
        (0, "before"),
    ]
    assert _log(program).count("known=before") == 1


def test_what_a_login_shell_prints_is_no_part_of_the_answer(program: Program) -> None:
    program("ssh", f"echo 'Welcome! You have mail.'\n{OBEY}")
    assert run(SSH, "echo fine", 5).stdout == "fine\n"


def test_ssh_neither_asks_nor_waits_for_ever_and_shares_its_connection(program: Program) -> None:
    program("ssh", f'echo "$@" >>"$0.log"\n{OBEY}')
    run(SSH, "true", 2.5)
    said = _log(program)
    directory = Path(said.split("ControlPath=")[1].split()[0]).parent
    opening, looking = said.splitlines()[:2]
    assert "ControlMaster=auto" in opening
    assert "ControlMaster=no" in looking
    for option in ("BatchMode=yes", "User=checker"):
        assert option in opening
        assert option in looking
    assert re.search("ConnectTimeout=[1-3] ", said)
    assert directory.stat().st_mode & 0o777 == 0o700


def _log(program: Program) -> str:
    directory = Path(os.environ["PATH"].split(":")[0])
    return "".join(path.read_text() for path in directory.glob("*.log"))


# -------------------------------------------------------------------------------- no answer, and why


@pytest.mark.parametrize(
    ("host", "name", "text", "kind", "message"),
    [
        (SSH, "ssh", "echo 'ssh: connect to host lb.internal port 22: Connection refused' >&2; exit 255",
         Unreachable, "Connection refused"),
        (SSH, "ssh", "echo 'checker@lb.internal: Permission denied (publickey).' >&2; exit 255",
         Unreachable, "Permission denied"),
        (SSH, "ssh", f"{CONNECT}\n( {OBEY} ) | head -c 60; exit 255", Unreachable, "broke off"),
        (SSH, "ssh", "exit 255", Unreachable, "255"),
        (SSH, "ssh", "exit 0", Malformed, "cut off"),
        (SSH, "ssh", "echo fine; exit 0", Malformed, "cut off"),
        (SSH, "ssh", "echo \"$@\"; exit 0", Malformed, "cut off"),
        (SSH, "ssh", f"( {OBEY} ) | head -c 60", Malformed, "cut off"),
        (SSH, "ssh", "kill -9 $$", Unreachable, "lb.internal"),
        (DOCKER, "docker", "echo 'Error: No such container: lb-1' >&2; exit 1", Unreachable, "No such"),
        (DOCKER, "docker", "kill -9 $$", Unreachable, "lb-1"),
        ("kubectl://lb-1?namespace=edge", "kubectl", "echo 'pods \"lb-1\" not found' >&2; exit 1",
         Unreachable, "not found"),
    ],
)  # fmt: skip
def test_a_transport_that_does_not_carry_is_no_answer(
    program: Program, host: str, name: str, text: str, kind: type[CannotObserve], message: str
) -> None:
    program(name, text)
    with pytest.raises(kind, match=message):
        run(host, "echo fine", 5)


def test_the_exit_code_that_ssh_uses_for_itself_can_also_be_a_commands() -> None:
    assert run(LOCAL, "exit 255", 5).exit_code == 255


@pytest.mark.parametrize("host", ["lb.internal", "paramiko://lb.internal", "ansible://lb"])
def test_a_transport_that_cannot_be_stopped_at_a_deadline_is_refused(host: str) -> None:
    with pytest.raises(Unsupported, match="deadline"):
        run(host, "true", 5)


def test_a_password_in_a_uri_is_refused_and_not_repeated(program: Program) -> None:
    program("sshpass", "exit 0")
    with pytest.raises(Unsupported) as refusal:
        run("ssh://checker:hunter2@lb.internal", "true", 5)
    assert "hunter2" not in str(refusal.value)


# ----------------------------------------------------------------------------------------- deadlines


@pytest.mark.parametrize(
    ("host", "text"), [(LOCAL, ""), (SSH, "echo $$ >>pids; sleep 60"), (SSH, "echo $$ >>pids & sleep 60")]
)
def test_at_the_deadline_nothing_of_a_hanging_script_is_left(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    program("ssh", text)
    program("docker", text)
    started = time.monotonic()
    with pytest.raises(Timeout):
        run(host, "sh -c 'echo $$ >>pids; exec sleep 60' & echo $$ >>pids; sleep 60", 0.3)
    assert time.monotonic() - started < 2.0
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert pids
    assert _end_within(2, pids)


def _end_within(seconds: float, pids: list[int]) -> bool:
    """Whether all of these processes have ended by then, be it that nobody has collected them."""
    until = time.monotonic() + seconds
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_script_does_not_live_on_where_its_killed_transport_carried_it(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program("docker", 'for last; do :; done; setsid sh -c "$last"')
    with pytest.raises(Timeout):
        run(DOCKER, "echo $$ >pids; sleep 60", 0.3)
    pid = int((tmp_path / "pids").read_text())
    assert _alive(pid)
    assert _end_within(5, [pid])


def test_a_deadline_that_has_passed_is_a_timeout() -> None:
    with pytest.raises(Timeout):
        run(LOCAL, "true", 0)


# ------------------------------------------------------------------------------------- Unix sockets


@pytest.fixture
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory whose name is short enough for a socket, as the container that `docker` reaches sees it."""
    path = Path("/tmp") / f"sg-test-{os.getpid()}-{threading.get_ident() % 10000}"
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def _serve(path: Path, talk: Callable[[socket.socket], None]) -> str:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        with listener, listener.accept()[0] as connection, suppress(OSError):
            talk(connection)

    threading.Thread(target=accept, daemon=True).start()
    return str(path)


def _echo(connection: socket.socket) -> None:
    heard = b""
    while part := connection.recv(100):
        heard += part
    connection.sendall(b"heard " + heard)


def _silent(connection: socket.socket) -> None:
    connection.settimeout(3)
    while connection.recv(100):
        pass
    threading.Event().wait(3)


def _drip(connection: socket.socket) -> None:
    for _ in range(150):
        connection.sendall(b"x")
        time.sleep(0.02)


@pytest.mark.parametrize("host", [LOCAL, DOCKER])
def test_a_socket_answers_beside_the_scripts(program: Program, directory: Path, host: str) -> None:
    program("docker", OBEY)
    path = _serve(directory / "s", _echo)
    answers = ask(host, {"talk": Talk(path, "show info;show 'x'\n"), "script": "echo fine"}, 5)
    assert answers["talk"].stdout == "heard show info;show 'x'\n"
    assert answers["script"].stdout == "fine\n"


@pytest.mark.parametrize("host", [LOCAL, DOCKER])
@pytest.mark.parametrize("talk", [_silent, _drip])
def test_a_socket_that_does_not_finish_is_a_timeout(
    program: Program, directory: Path, host: str, talk: Callable[[socket.socket], None]
) -> None:
    program("docker", OBEY)
    path = _serve(directory / "s", talk)
    started = time.monotonic()
    with pytest.raises(Timeout):
        ask(host, {"talk": Talk(path, "show info\n")}, 0.3)
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize("host", [LOCAL, DOCKER])
def test_a_socket_without_a_server_is_unreachable_and_the_message_says_what_to_do(
    program: Program, directory: Path, host: str
) -> None:
    program("docker", OBEY)
    with pytest.raises(Unreachable, match=r"No such file or directory: is the server running"):
        ask(host, {"talk": Talk(str(directory / "none"), "show info\n")}, 5)
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(directory / "gone"))
    with pytest.raises(Unreachable, match=r"Connection refused: nobody listens there any more"):
        ask(host, {"talk": Talk(str(directory / "gone"), "show info\n")}, 5)


def test_a_socket_that_is_not_for_the_checker_is_unreachable_and_says_so(program: Program) -> None:
    program("docker", OBEY)
    program("socat", "echo 'socat[1] E connect(, AF=1 \"/run/s\", 8): Permission denied'; exit 1")
    with pytest.raises(Unreachable, match=r"/run/s: Permission denied: give the checker's user access"):
        ask(DOCKER, {"talk": Talk("/run/s", "show info\n")}, 5)


def test_a_host_without_socat_does_not_support_sockets(program: Program) -> None:
    program("docker", OBEY)
    program("socat", "exit 127")
    with pytest.raises(Unsupported, match="install it"):
        ask(DOCKER, {"talk": Talk("/run/s", "show info\n")}, 5)


# ------------------------------------------------------------------------------------------- people


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (LOCAL, "grep 'a b' c"),
        ("ssh://checker@lb", "ssh checker@lb \"grep 'a b' c\""),
        ("ssh://checker:secret@lb", "ssh checker@lb \"grep 'a b' c\""),
        ("ssh://lb?ssh_config=/etc/my hosts", "ssh -F '/etc/my hosts' lb \"grep 'a b' c\""),
        ("ssh://lb?ssh_identity_file=/k", "ssh -i /k lb \"grep 'a b' c\""),
        ("ssh://lb:2222?sudo=true", "ssh ssh://lb:2222 'sudo sh -c \"grep '\"'\"'a b'\"'\"' c\"'"),
        ("docker://root@lb-1", "docker exec -u root lb-1 sh -c \"grep 'a b' c\""),
        (
            "kubectl://lb-1?namespace=edge&container=nginx",
            "kubectl -n edge exec lb-1 -c nginx -- sh -c \"grep 'a b' c\"",
        ),
    ],
)
def test_a_person_is_told_how_to_run_a_command_on_the_host(host: str, expected: str) -> None:
    assert typed(host, "grep 'a b' c") == expected


def test_a_command_for_a_person_means_the_same_after_the_shell_has_read_it() -> None:
    command = "printf '%s' \"$HOME\" 'it''s'"
    line = typed("docker://lb-1", command).removeprefix("docker exec lb-1 ")
    direct = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (
        subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout == direct.stdout
    )


def test_connections_are_not_shared_through_a_directory_that_somebody_else_made(
    monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    program("ssh", OBEY)
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    made = Path("/tmp/sg-ssh-4242")
    made.mkdir(mode=0o755, exist_ok=True)
    try:
        with pytest.raises(Unreachable, match="not this user's alone"):
            run(SSH, "true", 5)
    finally:
        made.rmdir()


def test_an_answer_without_an_end_is_malformed(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setattr(transport, "LONGEST_ANSWER", 20)
    path = _serve(directory / "s", _drip)
    with pytest.raises(Malformed, match="does not end"):
        ask(LOCAL, {"talk": Talk(path, "show info\n")}, 5)


@pytest.mark.parametrize(
    ("host", "script"),
    [
        (LOCAL, "cat /dev/zero"),
        (DOCKER, "cat /dev/zero"),
        (LOCAL, "yes | head -c 30000000 | gzip | gzip -dc"),
    ],
)
def test_a_script_that_prints_without_an_end_is_malformed_and_does_not_fill_the_memory(
    program: Program, host: str, script: str
) -> None:
    program("docker", OBEY)
    before = psutil.Process().memory_info().rss
    with pytest.raises(Malformed, match="does not end"):
        run(host, script, 30)
    assert psutil.Process().memory_info().rss - before < 3 * process.LONGEST_ANSWER


def test_complaints_without_an_end_do_not_fill_the_memory() -> None:
    answer = run(LOCAL, "head -c 30000000 /dev/zero >&2; echo fine", 30)
    assert answer.stdout == "fine\n"
    assert len(answer.stderr) <= 2 * process.LONGEST_COMPLAINT
