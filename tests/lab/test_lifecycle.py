import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGSTOP

import psutil
import pytest

from scaling_guide.lab import lifecycle, lock, processes
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.waiting import pauses
from tests.lab import fleets
from tests.lab.conftest import gone_within, processes_of

FLEETS = fleets.__name__
HANGING_UP = f"from scaling_guide.lab import lifecycle; lifecycle.up({{number}}, fleet='{FLEETS}:hanging')"
# SG_ROUNDS asks for more, which takes about 1.5 s each
ROUNDS = int(os.environ.get("SG_ROUNDS", "5"))
# about as long as the fleet of the test takes to be up
LONGEST_START_SECONDS = 0.9


def supervisor_of(where: Lab, seconds: float = 10) -> psutil.Process:
    """The supervisor of a lab, as soon as there is one."""
    for pause in pauses(seconds):
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
            except psutil.NoSuchProcess:
                continue
            number = ["--lab", str(where.number)]
            if command[1:5] == ["-m", "scaling_guide.lab.supervisor", *number]:
                return process
        time.sleep(pause)
    raise AssertionError("there is no supervisor")


def server_pid(where: Lab, name: str) -> int:
    pid = lifecycle.status(where.number).servers[name].pid
    assert pid is not None
    return pid


def test_a_lab_goes_up_and_down(where: Lab) -> None:
    lines: list[str] = []
    found = lifecycle.up(where.number, "large", lines.append, f"{FLEETS}:light")
    assert (found.phase, found.tier, found.is_ready, found.fresh) == ("up", "large", True, True)
    assert lines[0] == "light starting"
    assert lines[1].startswith("light ready after 0.")
    assert lifecycle.status(where.number).is_ready
    assert lifecycle.down(where.number) is True
    assert processes_of(where) == []
    assert lifecycle.status(where.number).phase == "down"


def test_down_of_what_is_down_is_fine(where: Lab) -> None:
    assert lifecycle.down(where.number) is False
    lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    assert [lifecycle.down(where.number) for _ in range(2)] == [True, False]


def test_up_of_what_is_up_changes_nothing(where: Lab) -> None:
    lifecycle.up(where.number, "small", fleet=f"{FLEETS}:light")
    pid = server_pid(where, "light")
    again = lifecycle.up(where.number, "small", fleet=f"{FLEETS}:light")
    assert (again.is_ready, again.fresh, again.servers["light"].pid) == (True, False, pid)


def test_up_starts_servers_that_do_not_run(where: Lab) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    stopped = lifecycle.command("kill", "light", where.number)
    assert (stopped.is_ready, stopped.servers["light"].state) == (False, "stopped")
    assert lifecycle.up(where.number, fleet=f"{FLEETS}:light").is_ready


def test_up_for_another_tier_is_refused(where: Lab) -> None:
    lifecycle.up(where.number, "small", fleet=f"{FLEETS}:light")
    with pytest.raises(LabError, match="is up for tier small: `guide lab down` it first"):
        lifecycle.up(where.number, "large", fleet=f"{FLEETS}:light")


def test_two_callers_of_up_get_one_lab(where: Lab) -> None:
    found: list[lifecycle.Status] = []
    callers = [
        threading.Thread(
            target=lambda: found.append(lifecycle.up(where.number, "small", fleet=f"{FLEETS}:light"))
        )
        for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert sorted(status.fresh for status in found) == [False, True]
    assert len({status.servers["light"].pid for status in found}) == 1


def test_a_failure_is_told_with_the_last_log_lines_and_leaves_nothing(where: Lab) -> None:
    with pytest.raises(LabError) as caught:
        lifecycle.up(where.number, fleet=f"{FLEETS}:failing")
    assert caught.value.reason == "broken ended with exit code 3 before it was ready"
    assert (caught.value.server, caught.value.log) == ("broken", ("no room for the index",))
    assert processes_of(where) == []
    assert lifecycle.status(where.number).phase == "down"


def test_a_supervisor_that_fails_is_told_with_its_last_words(where: Lab) -> None:
    with pytest.raises(LabError, match="No module named"):
        lifecycle.up(where.number, fleet="tests.lab.nowhere:light")
    assert processes_of(where) == []


def test_a_directory_that_cannot_be_used_is_named(where: Lab) -> None:
    where.log("supervisor").mkdir()
    with pytest.raises(LabError, match=r"the supervisor cannot be started: .*supervisor\.log"):
        lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    where.log("supervisor").rmdir()


def test_an_interrupted_up_leaves_nothing(where: Lab) -> None:
    program = (
        f"from scaling_guide.lab import lifecycle; lifecycle.up({where.number}, fleet='{FLEETS}:hanging')"
    )
    with subprocess.Popen((sys.executable, "-c", program), stderr=subprocess.PIPE, text=True) as caller:
        supervisor_of(where)
        for pause in pauses(10):
            if any("signal.pause" in line for line in processes_of(where)):
                break
            time.sleep(pause)
        caller.send_signal(SIGINT)
        _, errors = caller.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert processes_of(where) == []


def test_an_up_that_was_killed_leaves_nothing(where: Lab) -> None:
    program = (
        f"from scaling_guide.lab import lifecycle; lifecycle.up({where.number}, fleet='{FLEETS}:hanging')"
    )
    with subprocess.Popen((sys.executable, "-c", program)) as caller:
        supervisor_of(where)
        caller.kill()
    assert gone_within(where, 5) == []


def test_two_labs_run_side_by_side(where: Lab, beside: Lab) -> None:
    for each in (where, beside):
        assert lifecycle.up(each.number, fleet=f"{FLEETS}:light").is_ready
    lifecycle.down(where.number)
    assert lifecycle.status(beside.number).is_ready


def test_a_taken_port_is_refused_with_the_name_of_its_owner(where: Lab) -> None:
    with (
        socket.create_server((f"{where.net}.40", 8000)),
        pytest.raises(
            LabError, match=rf"light cannot start: .*:8000 is taken by .*\(pid {os.getpid()}, user"
        ),
    ):
        lifecycle.up(where.number, fleet=f"{FLEETS}:light")


def test_servers_are_stopped_started_and_reloaded_by_name(where: Lab) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    assert lifecycle.command("stop", "light", where.number).servers["light"].state == "stopped"
    assert lifecycle.command("start", "light", where.number).is_ready
    assert lifecycle.command("restart", "light", where.number).is_ready
    with pytest.raises(LabError, match="light has no reload"):
        lifecycle.command("reload", "light", where.number)
    with pytest.raises(LabError, match="`bless light` is no request"):
        lifecycle.command("bless", "light", where.number)


def test_a_request_to_a_lab_that_is_down_says_so(where: Lab) -> None:
    with pytest.raises(LabError, match=rf"lab {where.number} is down"):
        lifecycle.command("stop", "light", where.number)


def test_a_killed_nginx_master_leaves_no_worker(where: Lab) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:real")
    master = server_pid(where, "nginx")
    workers = psutil.Process(master).children()
    assert len(workers) == 2
    os.kill(master, SIGKILL)
    psutil.wait_procs(workers, timeout=5)
    assert not any(worker.is_running() for worker in workers)
    found = lifecycle.status(where.number)
    for pause in pauses(5):
        if found.servers["nginx"].state == "crashed":
            break
        time.sleep(pause)
        found = lifecycle.status(where.number)
    assert (found.servers["nginx"].state, found.is_ready) == ("crashed", False)
    assert lifecycle.command("start", "nginx", where.number).is_ready


def test_a_supervisor_that_hangs_is_told_and_ended(where: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "STATUS_SECONDS", 0.1)
    monkeypatch.setattr(lifecycle, "DOWN_SECONDS", 0.1)
    lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    supervisor_of(where).send_signal(SIGSTOP)
    with pytest.raises(LabError, match="does not answer"):
        lifecycle.status(where.number)
    assert lifecycle.down(where.number) is True
    assert processes_of(where) == []


def test_no_process_outlives_a_killed_supervisor_and_the_next_up_works(where: Lab) -> None:
    dice = random.Random(20)

    def up() -> None:
        try:
            lifecycle.up(where.number, fleet=f"{FLEETS}:real")
        except LabError as error:
            outcomes.append(error.reason)

    outcomes: list[str] = []
    for number in range(ROUNDS):
        caller = threading.Thread(target=up)
        caller.start()
        supervisor = supervisor_of(where)
        if number == 0:
            caller.join(20)
        time.sleep(dice.uniform(0, LONGEST_START_SECONDS))
        supervisor.send_signal(SIGKILL)
        assert gone_within(where, 5) == []
        caller.join(20)
    assert set(outcomes) == {"the supervisor ended before the lab was up"}
    assert len(outcomes) < ROUNDS, "not one was killed after it was up"
    assert lifecycle.up(where.number, fleet=f"{FLEETS}:real").is_ready


def test_a_server_that_does_not_end_with_its_supervisor_is_forced_and_answered_for_until_then(
    where: Lab,
) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:deaf")
    left = server_pid(where, "deaf")
    supervisor_of(where).send_signal(SIGKILL)
    lock_fd = lock.wait_for(where, 5)
    assert lock_fd is not None
    os.close(lock_fd)
    assert processes.created(left) is None


def test_up_waits_until_a_server_that_does_not_end_by_itself_was_ended(where: Lab) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:deaf")
    left = server_pid(where, "deaf")
    supervisor_of(where).send_signal(SIGKILL)
    found = lifecycle.up(where.number, fleet=f"{FLEETS}:light")
    assert (found.is_ready, found.fresh) == (True, True)
    assert processes.created(left) is None


def test_supervisor_and_watchdog_killed_together_leave_nothing(where: Lab) -> None:
    lifecycle.up(where.number, fleet=f"{FLEETS}:real")
    supervisor = supervisor_of(where)
    for process in (*supervisor.children(), supervisor):
        if "watchdog" in " ".join(process.cmdline()) or process == supervisor:
            process.send_signal(SIGKILL)
    assert gone_within(where, 5) == []
    assert lifecycle.status(where.number).phase == "down"
    assert lifecycle.up(where.number, fleet=f"{FLEETS}:real").is_ready


def test_a_lab_works_without_any_privilege(where: Lab) -> None:
    program = (
        "import json, os; from scaling_guide.lab import lifecycle;"
        f"found = lifecycle.up({where.number}, fleet='{FLEETS}:real');"
        "print(json.dumps([os.getuid(), found.is_ready, found.root]));"
        f"lifecycle.command('reload', 'nginx', {where.number});"
        f"lifecycle.command('reload', 'haproxy', {where.number});"
        f"lifecycle.down({where.number})"
    )
    # in a user namespace root has the rights of an ordinary user and can still read this checkout
    namespace = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.getuid() == 0 else ()
    done = subprocess.run(
        (*namespace, sys.executable, "-c", program), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    uid, is_ready, root = json.loads(done.stdout)
    assert uid != 0
    assert is_ready
    assert processes_of(Lab(where.number, Path(root))) == []
    shutil.rmtree(root)
