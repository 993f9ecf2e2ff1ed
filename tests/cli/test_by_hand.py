"""Somebody changes a load balancer of the running lab by hand, and `guide verify` finds out."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from tests.cli.conftest import Ended, Guide
from tests.verify.observations import REPO
from tests.verify.observations import guide as documented

FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
# what is edited, and what the edit makes of it
VALUES = {
    "nginx-worker-connections": (r"worker_connections \d+;", "worker_connections 1000;", "1,000"),
    "haproxy-retries": (r"^( *)retries \d+$", r"\1retries 7", "7"),
}
STALE = {"nginx": "nginx-running-is-disk", "haproxy": "haproxy-running-is-disk"}

Verify = Callable[[str], Ended]


@pytest.fixture
def verify(live: Lab, guide: Guide, tmp_path: Path) -> Verify:
    return lambda target: guide(
        "verify", "--env", "lab", "--lab", str(live.number), "--target", target, "--out", str(tmp_path)
    )


@contextmanager
def edited(live: Lab, server: str, edit: Callable[[str], str], reload: bool) -> Iterator[None]:
    """The server's file edited on disk, and reloaded or not; afterwards as it was."""
    path = live.directory(server) / FILES[server]
    before = path.read_text()
    after = edit(before)
    assert after != before
    path.write_text(after)
    try:
        if reload:
            lifecycle.command("reload", server, live.number)
        yield
    finally:
        path.write_text(before)
        lifecycle.command("reload", server, live.number)


def red(out: Path) -> dict[str, str]:
    """The checks that are not green in the last report, with their message."""
    rows = json.loads((out / "results.json").read_text())["checks"]
    return {row["id"]: row["message"] for row in rows if row["outcome"] != "pass"}


def told(ended: Ended, fact_id: str, target: str, found: str) -> list[str]:
    """What a drift must name and `ended` does not."""
    fact = documented().facts[fact_id]
    place = fact.place("expect")
    claim = fact.claim(documented().environments["lab"])
    wanted = [
        f"{target}: {claim.setting} is {found}, expected {claim.expectation.words()}",
        f"setting    {claim.setting}",
        f"expected   {claim.expectation.words()}",
        f"found      {found}",
        f"target     {target} ({target})",
        f"documented {REPO / place.path}:{place.line}",
        f"page       {fact.page}",
    ]
    return [line for line in wanted if line not in ended.out]


@pytest.mark.parametrize("fact", VALUES)
def test_another_value_that_runs_is_found(live: Lab, verify: Verify, tmp_path: Path, fact: str) -> None:
    target = fact.partition("-")[0]
    pattern, replacement, found = VALUES[fact]
    with edited(live, target, lambda text: re.sub(pattern, replacement, text, flags=re.M), reload=True):
        ended = verify(target)
    assert ended.code == 1
    assert list(red(tmp_path)) == [fact]
    assert told(ended, fact, target, found) == []
    assert verify(target).code == 0


@pytest.mark.parametrize("target", STALE)
def test_a_file_that_does_not_run_is_found(live: Lab, verify: Verify, tmp_path: Path, target: str) -> None:
    with edited(live, target, lambda text: f"{text}# by hand\n", reload=False):
        ended = verify(target)
    assert ended.code == 1
    assert list(red(tmp_path)) == [STALE[target]]
    assert told(ended, STALE[target], target, "on") == []
    assert verify(target).code == 0
