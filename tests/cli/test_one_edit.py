"""A value is changed in one place of the data, and everything that reads it follows."""

import filecmp
import shutil
from pathlib import Path

import pytest

from scaling_guide.lab.layout import lab
from scaling_guide.model.load import load
from scaling_guide.model.record import TIERS
from scaling_guide.model.units import words
from scaling_guide.render.configs import render
from scaling_guide.render.site import write_downloads
from tests.cli.conftest import REPO, Guide
from tests.verify.observations import guide as documented
from tests.world import World

FACT = documented().facts["haproxy-tls-session-cache"]
TIER = documented().environments["lab"].tier
OLD = FACT.value(TIER)
NEW = OLD + 1


@pytest.fixture
def edited(tmp_path: Path, guide: Guide, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which the value of one fact for one tier was changed by hand."""
    for name in ("data", "checks"):
        shutil.copytree(REPO / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    place = FACT.place("expect")
    file = tmp_path / place.path.relative_to(REPO)
    lines = file.read_text().splitlines(keepends=True)
    assert lines[place.line - 1].count(str(OLD)) == 1
    lines[place.line - 1] = lines[place.line - 1].replace(str(OLD), str(NEW))
    file.write_text("".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_edit_is_the_only_one(edited: Path) -> None:
    files = [path.relative_to(edited).as_posix() for path in edited.rglob("*") if path.is_file()]
    _, different, _ = filecmp.cmpfiles(REPO, edited, files, shallow=False)
    assert different == [FACT.place("expect").path.relative_to(REPO).as_posix()]


def test_the_config_file_of_the_lab_follows(edited: Path) -> None:
    guide = load(edited / "data", lab().variables)
    environment = guide.environments["lab"]
    text = "".join(render(guide, environment, environment.targets["haproxy"]).values())
    assert f"tune.ssl.cachesize {NEW}\n" in text
    assert str(OLD) not in text


def test_the_download_follows_and_those_of_other_tiers_stay(edited: Path, tmp_path: Path) -> None:
    for name, guide in (("before", documented()), ("after", load(edited / "data", lab().variables))):
        write_downloads(guide, tmp_path / name)
    files = [
        path.relative_to(tmp_path / "before") for path in (tmp_path / "before").rglob("*") if path.is_file()
    ]
    assert len(files) >= 2 * len(TIERS)
    _, different, _ = filecmp.cmpfiles(tmp_path / "before", tmp_path / "after", files, shallow=False)
    assert [path.as_posix() for path in map(Path, different)] == [f"{TIER}/haproxy/haproxy.cfg"]
    assert f"tune.ssl.cachesize {NEW}\n" in (tmp_path / "after" / different[0]).read_text()


def test_the_check_follows_and_a_server_with_the_old_value_drifts(
    edited: Path, guide: Guide, world: World
) -> None:
    ended = guide("verify", "--env", "lab", "--target", "haproxy")
    expected, found = words(NEW, FACT.unit), words(OLD, FACT.unit)
    assert ended.code == 1
    assert f"haproxy: {FACT.setting} is {found}, expected at least {expected}\n" in ended.out
    assert " 1 fail" in ended.out
    world.changes["haproxy", FACT.setting] = NEW
    assert guide("verify", "--env", "lab", "--target", "haproxy").code == 0


def test_the_explanation_follows(edited: Path, guide: Guide) -> None:
    ended = guide("explain", FACT.id)
    assert f"at least {words(NEW, FACT.unit)}, tier {TIER}" in ended.out
    assert words(OLD, FACT.unit) not in ended.out
