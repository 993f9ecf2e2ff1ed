"""The stand-in of Supabase's management API says what it is, and the runbooks reach their end against it."""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.outcome import Outcome
from scaling_guide.render.commands import phase_commands, situation
from scaling_guide.render.configs import render
from scaling_guide.systems.supabase import server as supabase
from scaling_guide.systems.supabase.standin.service import MARK
from scaling_guide.systems.supabase.target import SupabaseTarget
from scaling_guide.verify.run import verify
from scaling_guide.verify.selection import runbook_checks
from tests.numbers import own_number

REPO = Path(__file__).parents[3]
SECONDS = 20.0


@dataclass(frozen=True)
class Stage:
    """The stand-in's process in a lab of its own, with the guide for it."""

    guide: Guide
    environment: Environment
    target: SupabaseTarget
    file: Path

    def says(self, key: str, value: str) -> None:
        text, count = re.subn(rf"(?m)^( *){key}: .*", rf"\g<1>{key}: {value}", self.file.read_text())
        assert count == 1
        self.file.write_text(text)

    def red(self, runbook: str, phase: str) -> list[str]:
        """The checks of a phase that do not pass, with what they say."""
        run = verify(self.environment, runbook_checks(self.guide, self.environment, runbook, phase))
        assert run.results
        return [f"{row.id}: {row.message}" for row in run.results if row.outcome is not Outcome.PASS]

    def take(self, runbook: str, phase: str, **given: str) -> list[str]:
        """Run the commands of a phase as the page shows them, and return what they printed."""
        found = situation(
            self.guide, self.environment, self.guide.runbooks[runbook], given=given, practice=True
        )
        printed = []
        for command in phase_commands(found, phase):
            for text in filter(None, (command.run, command.wait)):
                ran = subprocess.run(
                    ["bash", "-o", "pipefail", "-c", text], capture_output=True, text=True, timeout=SECONDS
                )
                assert ran.returncode == 0, (text, ran.stdout, ran.stderr)
                printed.append(ran.stdout)
        return printed


@pytest.fixture(scope="module")
def process() -> Iterator[Stage]:
    with own_number() as lab:
        guide = load(REPO / "data", lab.variables)
        environment = guide.environments["lab"]
        target = environment.targets["supabase-stand-in"]
        assert isinstance(target, SupabaseTarget)
        environment = environment.model_copy(
            update={"targets": {target.id: target, **{app.id: app for app in environment.apps}}}
        )
        server = supabase.server(lab, target, lambda: render(guide, environment, target))
        server.prepare()
        running = subprocess.Popen(server.argv, env={**os.environ, **server.env}, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + SECONDS
            assert server.ready is not None
            while asyncio.run(server.ready(running.pid)) is not None:
                assert time.monotonic() < end, "the stand-in did not start"
                assert running.poll() is None, "the stand-in ended"
                time.sleep(0.05)
            yield Stage(guide, environment, target, lab.directory(target.id) / "project.yml")
        finally:
            running.terminate()
            running.wait(SECONDS)


@pytest.fixture
def stage(process: Stage) -> Iterator[Stage]:
    documented = process.file.read_text()
    yield process
    process.file.write_text(documented)


def test_every_answer_says_that_it_is_not_supabase(stage: Stage) -> None:
    token = Path(str(stage.target.token_file)).read_text()
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        for path in ("/", f"/v1/projects/{stage.target.project}"):
            answer = httpx.get(f"{stage.target.url}{path}", headers=headers, trust_env=False)
            assert MARK.items() <= {name.title(): value for name, value in answer.headers.items()}.items()


def test_another_project_is_not_known(stage: Stage) -> None:
    token = Path(str(stage.target.token_file)).read_text()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{stage.target.url}/v1/projects/{'x' * 20}", headers=headers, trust_env=False)
    assert answer.status_code == 404


def test_the_real_api_is_never_the_labs(stage: Stage, tmp_path: Path) -> None:
    real = stage.target.model_copy(update={"http": None, "address": "api.supabase.com"})
    with pytest.raises(ValueError, match="the real API"):
        supabase.server(Lab(68, tmp_path), real, dict)


def test_a_size_that_differs_is_brought_back_to_the_documented_one(stage: Stage) -> None:
    runbook = "supabase-compute-resize"
    stage.says("compute", "ci_xlarge")
    stage.says("running", "xlarge")
    assert stage.red(runbook, "preconditions") == []
    assert stage.take(runbook, "preconditions")[0] == "ci_xlarge\n"
    assert [each.partition(":")[0] for each in stage.red(runbook, "mitigate")] == ["supabase-compute"]
    stage.take(runbook, "mitigate")
    assert stage.red(runbook, "mitigate") == []
    stage.take(runbook, "verify")
    assert stage.red(runbook, "verify") == []


def test_a_size_can_be_taken_back(stage: Stage) -> None:
    runbook = "supabase-compute-resize"
    stage.take(runbook, "roll_back", before="ci_xlarge")
    assert stage.red(runbook, "roll_back") == []
    assert "compute: ci_xlarge" in stage.file.read_text()


@pytest.mark.parametrize(
    ("key", "value", "phase"),
    [("status", "RESIZING", "mitigate"), ("failure", "broken", "verify")],
    ids=["not healthy yet", "health cannot be asked"],
)
def test_a_resize_is_not_done_before_the_project_says_that_it_is_healthy(
    stage: Stage, key: str, value: str, phase: str
) -> None:
    stage.says(key, value)
    found = situation(
        stage.guide, stage.environment, stage.guide.runbooks["supabase-compute-resize"], practice=True
    )
    wait = phase_commands(found, phase)[0].wait
    assert wait is not None
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["bash", "-c", wait], capture_output=True, timeout=1.5)


def test_a_full_disk_is_extended_and_takes_writes_again(stage: Stage) -> None:
    runbook = "supabase-disk"
    stage.says("used", "96%")
    stage.says("readonly", "on")
    assert stage.red(runbook, "preconditions") == []
    stage.take(runbook, "preconditions")
    red = [each.partition(":")[0] for each in stage.red(runbook, "mitigate")]
    assert red == ["supabase-disk-used", "supabase-readonly"]
    stage.take(runbook, "mitigate", size_gb="150")
    assert stage.red(runbook, "mitigate") == []
    assert '"fs_used_bytes"' in stage.take(runbook, "verify")[0]
    assert stage.red(runbook, "verify") == []
    stage.take(runbook, "roll_back")
    assert stage.red(runbook, "roll_back") == []


def test_a_plan_that_an_owner_changed_is_seen(stage: Stage) -> None:
    runbook = "supabase-plan-change"
    stage.says("plan", "free")
    assert stage.red(runbook, "preconditions") == []
    assert stage.take(runbook, "preconditions") == ['"plan":"free"\n']
    assert [each.partition(":")[0] for each in stage.red(runbook, "mitigate")] == ["supabase-plan"]
    # the owner of the organization, in the dashboard
    stage.says("plan", "pro")
    assert "dashboard/org/stand-in/billing" in stage.take(runbook, "mitigate", plan="pro")[0]
    stage.take(runbook, "verify")
    assert stage.red(runbook, "verify") == []


def test_the_checkers_token_changes_nothing(stage: Stage) -> None:
    before = stage.file.read_text()
    token = Path(str(stage.target.token_file)).read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("", "/billing/addons", "/config/disk", "/config/database/pooler", "/api-keys"):
            url = f"{stage.target.url}/v1/projects/{stage.target.project}{path}"
            answer = httpx.request(method, url, headers=headers, json={}, trust_env=False)
            assert answer.status_code == 403
    assert stage.file.read_text() == before


def test_no_command_has_the_token_in_it(stage: Stage) -> None:
    files = (stage.target.token_file, stage.target.operator_token_file)
    tokens = [Path(str(file)).read_text().strip() for file in files]
    for runbook in ("supabase-compute-resize", "supabase-disk", "supabase-plan-change"):
        found = situation(stage.guide, stage.environment, stage.guide.runbooks[runbook], practice=True)
        for phase in stage.guide.runbooks[runbook].phases:
            for command in phase_commands(found, phase):
                assert not [token for token in tokens if token in f"{command.run}{command.wait}"]
