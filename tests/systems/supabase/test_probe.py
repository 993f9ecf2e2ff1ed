"""What the supabase probes read from the stand-in of the management API, and what they say when it fails."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from scaling_guide.model.environments import Environment
from scaling_guide.model.load import examine
from scaling_guide.probes.by_hand import by_hand
from scaling_guide.probes.observation import (
    CannotObserve,
    Failure,
    Malformed,
    Observation,
    Timeout,
    Unreachable,
    Unsupported,
)
from scaling_guide.probes.observe import observe
from scaling_guide.render.configs import render
from scaling_guide.systems.supabase import probe as supabase
from scaling_guide.systems.supabase.standin.answers import SECRET
from scaling_guide.systems.supabase.standin.service import FAILURES, application
from scaling_guide.systems.supabase.target import SupabaseTarget
from tests.systems import servers

REPO = Path(__file__).parents[3]
TOKEN = "sbp_0123456789abcdef"
DEADLINE = 3.0
SHORT = 0.7
GUIDE, _ = examine(REPO / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": "/repo", "user": "me"})


@dataclass(frozen=True)
class StandIn:
    """A running stand-in, the file of its project, and the target that leads to it."""

    target: SupabaseTarget
    environment: Environment
    file: Path

    def says(self, **changes: str) -> None:
        """Change lines of the project by their keys."""
        text = self.file.read_text()
        for key, value in changes.items():
            text, count = re.subn(rf"(?m)^( *){key}: .*", rf"\g<1>{key}: {value}", text)
            assert count == 1
        self.file.write_text(text)

    def look(self, deadline: float = DEADLINE) -> Mapping[str, Any]:
        return supabase.probe(self.environment, self.target, deadline)[1]


@contextmanager
def running(file: Path, port: int) -> Iterator[None]:
    config = uvicorn.Config(
        application(file, TOKEN), host=servers.HOST, port=port, lifespan="off", log_level="critical",
        timeout_graceful_shutdown=0,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + servers.START_SECONDS
    while not server.started:
        assert time.monotonic() < end, "the stand-in did not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(servers.START_SECONDS)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    assert GUIDE is not None
    lab = GUIDE.environments["lab"]
    documented = lab.targets["supabase-stand-in"]
    assert isinstance(documented, SupabaseTarget)
    file, token, port = tmp_path / "project.yml", tmp_path / "token", servers.free_port()
    file.write_text(render(GUIDE, lab, documented)["project.yml"])
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    target = documented.model_copy(update={"address": servers.HOST, "http": port, "token_file": str(token)})
    with running(file, port):
        yield StandIn(target, servers.environment(supabase=target), file)


def test_a_documented_project_shows_everything_that_is_asked_of_it(stand_in: StandIn) -> None:
    values = dict(stand_in.look())
    ref = stand_in.target.project
    age = values.pop("backups > newest > age")
    assert 6 * 3600 <= float(age.removesuffix("s")) <= 6 * 3600 + 5
    assert values == {
        "organization > plan": "pro",
        "addons > compute": "ci_2xlarge",
        "addons > pitr": "pitr_7",
        "addons > ipv4": "none",
        "postgres > max_connections": "not overridden",
        "pooler > default pool size": 152,
        "pooler > max clients": 1500,
        "pooler > pool mode": "transaction",
        "project > status": "ACTIVE_HEALTHY",
        "project > postgres": 17,
        "readonly > enabled": False,
        "disk > used": "50%",
        "disk > size": "100GiB",
        "backups > pitr": True,
        "upgrade > blockers": 0,
        "replicas > count": 1,
        "ssl > enforced": True,
        "network > open to all": False,
        **{f"service {name} > status": "ACTIVE_HEALTHY" for name in supabase.SERVICES},
        **{
            f"database {name} > {what}": found
            for name in (ref, f"{ref}-rr-eu-central-1-0")
            for what, found in (("status", "ACTIVE_HEALTHY"), ("compute", "2xlarge"))
        },
    }


def test_the_advisors_are_counted_by_level(stand_in: StandIn) -> None:
    stand_in.says(security="3")
    assert supabase.advisors(stand_in.environment, stand_in.target, DEADLINE)[1] == {
        "performance > errors": 0,
        "performance > warnings": 1,
        "security > errors": 3,
        "security > warnings": 1,
    }


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"max_connections": "200"}, {"postgres > max_connections": 200}),
        ({"used": "92.5%"}, {"disk > used": "92.5%"}),
        ({"open_to_all": "on"}, {"network > open to all": True}),
        ({"pitr": "off"}, {"backups > pitr": False, "addons > pitr": "none"}),
        ({"blockers": "2"}, {"upgrade > blockers": 2}),
    ],
)
def test_a_change_shows_in_its_values_and_in_no_other(
    stand_in: StandIn, changes: dict[str, str], seen: dict[str, Any]
) -> None:
    def but_age() -> Mapping[str, Any]:
        return {name: value for name, value in stand_in.look().items() if "age" not in name}

    before = but_age()
    stand_in.says(**changes)
    after = but_age()
    assert {name: after[name] for name in after if before[name] != after[name]} == seen


FAILED: dict[str, tuple[type[CannotObserve], str]] = {
    "unauthorized": (Unreachable, "401: the token is unknown, revoked or expired"),
    "forbidden": (Unreachable, "403: the token lacks the scope "),
    "forbidden disk": (Unreachable, "403: the token lacks the scope infra_disk_config_read"),
    "not found": (Unsupported, "404: there is no such project"),
    "rate limited": (Timeout, "over its rate limit for 60 s more, longer than the deadline allows"),
    "rate limited without end": (Timeout, "over its rate limit, and the API does not say for how long"),
    "broken": (Unreachable, "500: the management API itself is in trouble"),
    "unavailable": (Unreachable, "503: the management API itself is in trouble"),
    "truncated": (Malformed, "no whole answer in HTTP"),
    "other form": (Malformed, "answers in another form"),
    "login page": (Malformed, "answers in another form"),
    "silent": (Timeout, f"not all requests were answered within {SHORT:g} s"),
}


def test_every_failure_of_the_stand_in_is_tried() -> None:
    assert set(FAILURES) == {*FAILED, "none", "rate limited once"}


@pytest.mark.quiet
@pytest.mark.parametrize("failure", FAILED)
def test_whoever_cannot_look_says_so_and_quotes_no_answer(stand_in: StandIn, failure: str) -> None:
    kind, words = FAILED[failure]
    stand_in.says(failure=failure)
    deadline = SHORT if failure == "silent" else DEADLINE
    begun = time.monotonic()
    with pytest.raises(kind, match=re.escape(words)) as raised:
        stand_in.look(deadline)
    assert time.monotonic() - begun < deadline + 0.5
    assert TOKEN not in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "supabase: " in str(raised.value)


def test_a_rate_limit_that_ends_in_time_is_waited_for(stand_in: StandIn) -> None:
    stand_in.says(failure="rate limited once")
    begun = time.monotonic()
    assert stand_in.look()["organization > plan"] == "pro"
    assert time.monotonic() - begun >= 1


def test_nothing_of_an_answer_is_kept_but_what_is_documented(stand_in: StandIn) -> None:
    needs = [("supabase", "supabase"), ("supabase_advisors", "supabase")]
    results = observe(stand_in.environment, needs, DEADLINE)
    assert all(isinstance(result, Observation) for result in results.values())
    for text in (SECRET, TOKEN, "postgres://", "detail"):
        assert text not in repr(results)


@pytest.mark.parametrize("status", ["ACTIVE_UNHEALTHY", "RESIZING"])
def test_a_state_is_a_value_and_no_failure(stand_in: StandIn, status: str) -> None:
    stand_in.says(status=status)
    assert stand_in.look()["project > status"] == status


@pytest.mark.parametrize("pitr", ["on", "off"])
def test_the_newest_backup_is_a_snapshot_with_recovery_and_a_daily_one_without(
    stand_in: StandIn, pitr: str
) -> None:
    stand_in.says(pitr=pitr, age="30h")
    age = float(str(stand_in.look()["backups > newest > age"]).removesuffix("s"))
    assert 30 * 3600 <= age <= 30 * 3600 + 5


def test_a_pooler_left_alone_has_no_size_to_hold_against_anything(stand_in: StandIn) -> None:
    stand_in.says(default_pool_size="null", max_client_conn="null")
    values = stand_in.look()
    assert values["pooler > default pool size"] is None
    assert values["pooler > max clients"] == "not overridden"


# ------------------------------------------------------------------------------------------------ token


def without(path: Path) -> None:
    path.unlink()


def readable(path: Path) -> None:
    path.chmod(0o640)


def empty(path: Path) -> None:
    path.write_text("\n")


def of_two_lines(path: Path) -> None:
    path.write_text(f"{TOKEN}\nsecond")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (without, "cannot be read: No such file"),
        (readable, "may be read by others: chmod 600"),
        (empty, "there is no token in"),
        (of_two_lines, "there is no token in"),
    ],
)
def test_without_a_token_of_ones_own_nothing_is_asked(
    stand_in: StandIn, broken: Callable[[Path], None], words: str
) -> None:
    broken(Path(str(stand_in.target.token_file)))
    with pytest.raises(Unreachable, match=words) as raised:
        stand_in.look()
    assert TOKEN not in str(raised.value)


def test_a_token_may_come_from_the_environment(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    target = stand_in.target.model_copy(update={"token_file": None})
    environment = servers.environment(supabase=target)
    monkeypatch.delenv(supabase.VARIABLE, raising=False)
    with pytest.raises(Unreachable, match=f"there is no token in the variable {supabase.VARIABLE}"):
        supabase.probe(environment, target, DEADLINE)
    monkeypatch.setenv(supabase.VARIABLE, TOKEN)
    assert supabase.probe(environment, target, DEADLINE)[1]["organization > plan"] == "pro"


def test_another_token_is_refused(stand_in: StandIn) -> None:
    Path(str(stand_in.target.token_file)).write_text("sbp_another")
    with pytest.raises(Unreachable, match="401"):
        stand_in.look()


def test_nobody_listens(stand_in: StandIn) -> None:
    target = stand_in.target.model_copy(update={"http": servers.free_port()})
    found = observe(servers.environment(supabase=target), [("supabase", "supabase")], SHORT)
    result = found[("supabase", "supabase")]
    assert isinstance(result, Failure)
    assert result.outcome == "unreachable"


# ---------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    "fact", [name for name in (GUIDE.facts if GUIDE else ()) if name.startswith("supabase-")]
)
def test_the_command_by_hand_has_the_tokens_file_and_not_the_token(stand_in: StandIn, fact: str) -> None:
    assert GUIDE is not None
    documented = GUIDE.facts[fact]
    if documented.probe not in ("supabase", "supabase_advisors"):
        return
    command = by_hand(documented.probe, stand_in.environment, stand_in.target, documented.setting)
    assert TOKEN not in command
    assert str(stand_in.target.token_file) in command
    assert command.count("curl -fsS -K - ") == 1
    assert "connection_string" not in command
