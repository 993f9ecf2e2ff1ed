import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from errno import ENOENT, ENOSPC
from signal import SIGKILL

import psutil
import pytest

from scaling_guide.lab import owner as owner_module
from scaling_guide.lab import ports
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.owner import Owner, failure
from scaling_guide.lab.server import ReloadRefused, Server
from tests.lab.conftest import Events, becomes, bind
from tests.lab.fleets import LISTEN, listener, script

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"


def states(owner: Owner) -> dict[str, str]:
    return {name: entry.state for name, entry in owner.entries.items()}


def test_a_server_starts_after_what_it_needs_and_stops_before(
    where: Lab, run: Callable[..., None], events: Events
) -> None:
    servers = [
        listener("front", bind(where, 41), needs=("left", "right")),
        listener("left", bind(where, 42)),
        listener("right", bind(where, 43)),
    ]

    async def act(owner: Owner) -> None:
        await owner.start_all()
        assert states(owner) == {"front": "ready", "left": "ready", "right": "ready"}

    run(servers, act)
    order = [(event["server"], event["state"]) for event in events]
    assert order.index(("front", "starting")) > order.index(("left", "ready"))
    assert order.index(("front", "starting")) > order.index(("right", "ready"))
    assert order.index(("right", "starting")) < order.index(("left", "ready"))
    assert order.index(("front", "stopped")) < order.index(("left", "stopping"))


def test_the_state_file_tells_process_tier_and_time(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        await owner.start_all()
        written = json.loads(where.state.read_text())
        server = written["servers"]["light"]
        assert (written["lab"], written["phase"], written["tier"]) == (where.number, "up", "small")
        assert written["supervisor"]["pid"] == os.getpid()
        assert psutil.Process(server["pid"]).create_time() == server["created"]
        assert server["binds"] == [f"{where.net}.40:8000"]

    run([listener("light", bind(where, 40))], act)


def test_an_address_that_is_taken_is_refused_before_anything_starts(
    where: Lab, run: Callable[..., None], events: Events
) -> None:
    async def act(owner: Owner) -> None:
        with pytest.raises(LabError, match=rf"second cannot start: .*:8000 is taken by .*pid {os.getpid()}"):
            await owner.start_all()

    with socket.create_server(bind(where, 42)):
        run([listener("first", bind(where, 41)), listener("second", bind(where, 42))], act)
    assert events == []


def test_a_listener_of_another_process_is_not_taken_for_the_own(
    where: Lab, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = script("quiet", "import signal; signal.pause()", bind(where, 41))
    monkeypatch.setattr(ports, "taken", lambda bind: None)

    async def act(owner: Owner) -> None:
        owner.entries["quiet"].server = Server(**{**vars(quiet), "start_seconds": 0.3})
        with pytest.raises(LabError, match=r"quiet is not ready: it did not listen on .*:8000 after 0\.3 s"):
            await owner.start_all()

    with socket.create_server(bind(where, 41)):
        run([quiet], act)


def test_a_server_that_listens_elsewhere_alone_is_not_waited_for(
    where: Lab, run: Callable[..., None]
) -> None:
    wanted, opened = bind(where, 41), bind(where, 42)
    server = script("astray", LISTEN.format(binds=[tuple(opened)]), wanted)

    async def act(owner: Owner) -> None:
        began = time.monotonic()
        with pytest.raises(LabError, match=rf"astray listens on {opened} and not on {wanted}"):
            await owner.start_all()
        assert time.monotonic() - began < server.start_seconds / 2

    run([server], act)


def test_an_order_to_one_server_does_not_wait_for_another(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        await owner.start_all()
        owner.entries["slow"].server = Server(**{**vars(slow), "ready": never})
        await owner.kill("slow")
        starting = asyncio.create_task(owner.start("slow"))
        await reached.wait()
        await owner.restart("light")
        assert states(owner) == {"slow": "starting", "light": "ready"}
        starting.cancel()

    reached = asyncio.Event()

    async def never(pid: int) -> str | None:
        reached.set()
        return "nothing yet"

    slow = listener("slow", bind(where, 40))
    run([slow, listener("light", bind(where, 41))], act)


def test_an_address_shared_with_another_process_is_no_success(
    where: Lab, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bind(where, 41)
    text = LISTEN.replace("create_server((ip, port))", "create_server((ip, port), reuse_port=True)")
    server = script("sharing", text.format(binds=[tuple(address)]), address)
    monkeypatch.setattr(ports, "taken", lambda bind: None)

    async def act(owner: Owner) -> None:
        with pytest.raises(LabError, match=rf"sharing shares .*:8000 with .*pid {os.getpid()}"):
            await owner.start_all()

    with socket.create_server(address, reuse_port=True):
        run([server], act)


def test_a_server_that_ends_while_starting_is_told_with_its_exit_code(
    where: Lab, run: Callable[..., None]
) -> None:
    async def act(owner: Owner) -> None:
        with pytest.raises(LabError, match="broken ended with exit code 3 before it was ready") as caught:
            await owner.start_all()
        assert failure(where, caught.value)["log"] == ("no room",)

    text = "print('no room', flush=True); raise SystemExit(3)"
    run([script("broken", text, bind(where, 40))], act)


def test_a_program_that_is_missing_is_named(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        with pytest.raises(LabError, match="absent ended with exit code 127") as caught:
            await owner.start_all()
        assert "no-such-program" in failure(where, caught.value)["log"][-1]

    run([Server("absent", ("no-such-program",), (bind(where, 40),))], act)


def test_a_server_is_ready_when_it_says_so(where: Lab, run: Callable[..., None]) -> None:
    lacks = iter(["no worker", "no health check", None])

    async def ready(pid: int) -> str | None:
        return next(lacks)

    async def act(owner: Owner) -> None:
        await owner.start_all()
        assert next(lacks, "asked to the end") == "asked to the end"

    run([Server(**{**vars(listener("light", bind(where, 40))), "ready": ready})], act)


def test_files_are_prepared_once_and_not_again_by_a_restart(where: Lab, run: Callable[..., None]) -> None:
    prepared = []
    server = Server(**{**vars(listener("light", bind(where, 40))), "prepare": lambda: prepared.append(1)})

    async def act(owner: Owner) -> None:
        await owner.start_all()
        await owner.restart("light")

    run([server], act)
    assert prepared == [1]


def test_a_crash_is_recorded_and_not_repaired(where: Lab, run: Callable[..., None], events: Events) -> None:
    async def act(owner: Owner) -> None:
        await owner.start_all()
        pid = owner.entries["light"].pid
        assert pid is not None
        os.kill(pid, SIGKILL)
        await becomes(owner, "light", "crashed")
        record = json.loads(where.state.read_text())["servers"]["light"]
        assert (record["state"], record["detail"]) == ("crashed", "was ended by SIGKILL")
        await owner.start_all()
        assert states(owner) == {"light": "ready"}

    run([listener("light", bind(where, 40))], act)
    assert [event["state"] for event in events].count("crashed") == 1


def test_what_a_crashed_server_leaves_is_ended(where: Lab, run: Callable[..., None]) -> None:
    server = script("forking", "import os, signal; os.fork(); signal.pause()")

    async def act(owner: Owner) -> None:
        await owner.start_all()
        pid = owner.entries["forking"].pid
        assert pid is not None
        async with asyncio.timeout(5):
            while len(psutil.Process(pid).children()) < 1:
                await asyncio.sleep(0.01)
        (child,) = psutil.Process(pid).children()
        os.kill(pid, SIGKILL)
        await becomes(owner, "forking", "crashed")
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

    run([server], act)


def test_a_server_that_does_not_stop_is_forced(
    where: Lab, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bind(where, 40)
    stubborn = script("stubborn", DEAF + LISTEN.format(binds=[tuple(address)]), address)
    server = Server(**{**vars(stubborn), "stop_seconds": 0.1})

    async def act(owner: Owner) -> None:
        await owner.start_all()
        await owner.stop("stubborn")
        entry = owner.entries["stubborn"]
        assert (entry.state, entry.detail) == ("stopped", "was ended by SIGKILL")

    monkeypatch.setattr(owner_module, "HALT_SECONDS", 0.1)
    run([server], act)


def test_stopping_what_does_not_run_changes_nothing(where: Lab, run: Callable[..., None]) -> None:
    async def act(owner: Owner) -> None:
        await owner.stop("light")
        assert states(owner) == {"light": "waiting"}

    run([listener("light", bind(where, 40))], act)


def test_a_reload_that_is_refused_says_why(where: Lab, run: Callable[..., None]) -> None:
    async def refuse(pid: int) -> None:
        raise ReloadRefused("unknown directive")

    async def act(owner: Owner) -> None:
        with pytest.raises(LabError, match="light is waiting, so it cannot reload"):
            await owner.reload("light")
        await owner.start_all()
        with pytest.raises(LabError, match="light did not reload: unknown directive"):
            await owner.reload("light")
        assert states(owner)["light"] == "ready"
        with pytest.raises(LabError, match="plain has no reload: restart it"):
            await owner.reload("plain")
        with pytest.raises(LabError, match="there is no server `other`; there are light, plain"):
            await owner.reload("other")

    light = Server(**{**vars(listener("light", bind(where, 40))), "reload": refuse})
    run([light, listener("plain", bind(where, 41))], act)


def test_nothing_of_the_callers_environment_reaches_a_server(
    where: Lab, run: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", "secret")

    async def act(owner: Owner) -> None:
        await owner.start_all()
        pid = owner.entries["light"].pid
        assert "CLOUD_TOKEN" not in psutil.Process(pid).environ()

    run([listener("light", bind(where, 40))], act)


def test_an_error_of_the_system_is_told_with_the_place(where: Lab) -> None:
    full, missing = OSError(ENOSPC, os.strerror(ENOSPC)), FileNotFoundError(ENOENT, "No such file", "setpriv")
    assert failure(where, full)["reason"] == f"{where.root}: No space left on device"
    assert failure(where, missing)["reason"] == "setpriv: No such file"
