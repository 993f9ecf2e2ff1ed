"""What an operator has set, and what is otherwise later."""

from pathlib import Path

import pytest

from scaling_guide.lab import state
from scaling_guide.lab.layout import Lab
from scaling_guide.lab.state import State
from scaling_guide.model.environments import Environment
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.probes.observation import Failure, Observation, Result

HAPROXY = {
    "state > app > app-1 > admin": 0,
    "state > app > app-2 > admin": 0,
    "state > app > app-1 > weight": 100,
    "stat > app > app-1 > status": "UP",
    "info > Maxconn": "8000",
}


@pytest.fixture(scope="module")
def guide() -> Guide:
    where = Lab(7, Path("/nonexistent"))
    return load(where.repo / "data", where.variables)


@pytest.fixture
def lab(tmp_path: Path, guide: Guide) -> Lab:
    """A lab with a file for each server, and nothing that runs."""
    where = Lab(7, tmp_path)
    for name in guide.environments["lab"].targets:
        where.directory(name).mkdir()
        (where.directory(name) / "config").write_text("one")
    return where


def read(monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab, haproxy: dict[str, object]) -> State:
    """The state of that lab, where HAProxy says this and the others say nothing."""

    def observe(environment: Environment, needs: list[tuple[str, str]]) -> dict[tuple[str, str], Result]:
        return {
            (probe, name): Observation(probe, name, "2.6.12", "", 0.0, haproxy)
            if name == "haproxy"
            else Failure(probe, name, "unreachable", "refused", "", 0.0)
            for probe, name in needs
        }

    monkeypatch.setattr(state, "observe", observe)
    return state.read(guide.environments["lab"], lab)


def test_each_setting_is_told_apart(monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    after = read(monkeypatch, guide, lab, {**HAPROXY, "state > app > app-1 > admin": 8})
    assert before.differences(after) == ("haproxy: state > app > app-1 > admin: was 0, is 8",)


def test_what_health_checks_make_of_it_does_not_count(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    after = read(monkeypatch, guide, lab, {**HAPROXY, "stat > app > app-1 > status": "DOWN"})
    assert before.differences(after) == ()


def test_a_file_that_changed_came_or_went_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    (lab.directory("nginx") / "config").write_text("two")
    (lab.directory("nginx") / "config.before-drain").write_text("one")
    (lab.directory("app-1") / "config").unlink()
    differences = before.differences(read(monkeypatch, guide, lab, HAPROXY))
    assert [each.partition(": was ")[0] for each in differences] == [
        "app-1: config",
        "nginx: config",
        "nginx: config.before-drain",
    ]
    assert differences[0].endswith("is absent")
    assert ": was absent, is " in differences[2]


def test_notes_of_commands_and_pid_files_do_not_count(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    before = read(monkeypatch, guide, lab, HAPROXY)
    for name in ("workers.before", "state", "nginx.pid"):
        (lab.directory("nginx") / name).write_text("1")
    assert before.differences(read(monkeypatch, guide, lab, HAPROXY)) == ()


def test_a_load_balancer_that_answers_no_more_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, guide: Guide, lab: Lab
) -> None:
    found = State({}, {}).differences(read(monkeypatch, guide, lab, HAPROXY))
    assert "nginx: answers: was absent, is refused" in found
    assert not any(each.startswith("app-1: answers") for each in found)
