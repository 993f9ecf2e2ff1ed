"""What is kept of a guide is what reading it again would give, or it is read again."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from scaling_guide.model import kept
from scaling_guide.model import load as reading
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Invalid
from scaling_guide.model.systems import packages
from tests.model.conftest import TODAY, VARIABLES, Tree

REPO = Path(__file__).parents[2]


class Loader:
    """Loads a tree, and counts how often its files are read for it."""

    def __init__(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tree, self.times_read = tree, 0
        original = reading.load

        def counting(*arguments: Any) -> Guide:
            self.times_read += 1
            return original(*arguments)

        monkeypatch.setattr(reading, "load", counting)

    def __call__(self, variables: dict[str, str] = VARIABLES, today: date = TODAY) -> Guide:
        return kept.load(self.tree, variables, today)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "scaling-guide"


@pytest.fixture
def load(tree: Tree, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    return Loader(tree(), monkeypatch)


# --------------------------------------------------------------------------------------------- the same


def test_a_guide_is_read_once_and_stays_the_same(load: Loader) -> None:
    first, second = load(), load()
    assert load.times_read == 1
    assert first == second
    assert first is not second


def test_what_is_kept_knows_its_names_and_where_it_was_written(load: Loader) -> None:
    read, found = load(), load()
    assert load.times_read == 1
    for fact in read.facts.values():
        same = found.facts[fact.id]
        assert (same.at, same.topic, same.runbook) == (fact.at, fact.topic, fact.runbook)
        assert all(same.place(key) == fact.place(key) for key in ("expect", "source", "label"))
    for name, environment in read.environments.items():
        same_place = found.environments[name]
        assert (same_place.name, same_place.cache_keys) == (name, environment.cache_keys)
        assert [target.id for target in same_place.targets.values()] == list(environment.targets)
    assert found.findings == read.findings
    assert found.values("small") == read.values("small")
    assert found.model_dump() == read.model_dump()


def test_the_guide_of_this_checkout_is_kept_whole(cache: Path) -> None:
    variables = {"net": "127.42.0", "root": "/nowhere", "repo": str(REPO), "user": "guide"}
    fresh = reading.load(REPO / "data", variables)
    kept.load(REPO / "data", variables)
    assert kept.load(REPO / "data", variables) == fresh


def test_only_this_user_can_read_what_is_kept(load: Loader, cache: Path) -> None:
    load()
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700


# -------------------------------------------------------------------------------------------- something else


def same_length(path: Path, before: str, after: str) -> None:
    """Change a file, and leave its length and its time as they were."""
    found, text = path.stat(), path.read_text()
    assert before in text
    assert len(before) == len(after)
    path.write_text(text.replace(before, after))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a title": lambda data: same_length(data / "environments" / "local.yml", "title: Local", "title: Loca1"),
    "a file is new": lambda data: (data / "unknown.txt").write_text("new"),
    "a file is gone": lambda data: (data / "experiments" / "killed.yml").unlink(),
    "a template": lambda data: (data / "templates" / "nginx" / "nginx.conf.j2").open("a").write("# more\n"),
    "a page": lambda data: (data.parent / "docs" / "balancing" / "limits.md").open("a").write("\nmore\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_read_again(load: Loader, change: str) -> None:
    load()
    CHANGES[change](load.tree)
    after = load()
    assert load.times_read == 2
    assert after == reading.examine(load.tree, VARIABLES, TODAY)[0]


def test_another_variable_is_another_guide(load: Loader) -> None:
    assert load().environments["local"].targets["lb"].address == "127.42.0.20"
    assert load({"net": "127.43.0"}).environments["local"].targets["lb"].address == "127.43.0.20"
    assert load().environments["local"].targets["lb"].address == "127.42.0.20"
    assert load.times_read == 2


def test_on_another_day_other_records_are_past_their_date(load: Loader) -> None:
    assert load().findings == ()
    later = load(today=TODAY + timedelta(days=400))
    assert later.findings
    assert load(today=TODAY + timedelta(days=400)).findings == later.findings
    assert load().findings == ()


def test_problems_are_found_again_each_time(tree: Tree, cache: Path) -> None:
    broken = tree("UNKNOWN_CHECK")
    for _ in range(2):
        with pytest.raises(Invalid, match="UNKNOWN_CHECK"):
            kept.load(broken, VARIABLES, TODAY)
    assert not cache.exists()


def test_a_problem_that_appears_is_not_hidden_by_what_was_kept(load: Loader, tree: Tree) -> None:
    load()
    tree("UNKNOWN_CHECK")
    with pytest.raises(Invalid, match="UNKNOWN_CHECK"):
        load()


def test_a_file_that_changes_while_it_is_read_leaves_nothing(
    load: Loader, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = reading.load

    def changing(*arguments: Any) -> Guide:
        guide = original(*arguments)
        CHANGES["a title"](load.tree)
        return guide

    monkeypatch.setattr(reading, "load", changing)
    assert load().environments["local"].title == "Local"
    assert not cache.exists()


def test_other_code_reads_again(load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "guide_varnish"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "about.py").write_text("RULE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("guide_varnish")
    monkeypatch.setattr(kept, "packages", lambda: {**packages(), "varnish": "guide_varnish"})
    load()
    load()
    assert load.times_read == 1
    same_length(package / "about.py", "RULE = 1", "RULE = 2")
    load()
    assert load.times_read == 2
    monkeypatch.setattr(kept, "VERSION", "0.1")
    load()
    assert load.times_read == 3


def test_all_code_that_reads_and_checks_is_part_of_the_digest() -> None:
    script = (
        "import json, sys; from pathlib import Path; from scaling_guide.model.load import load\n"
        f"load(Path('{REPO}/data'), {{'net': '127.42.0', 'root': '/r', 'repo': '/r', 'user': 'u'}})\n"
        "found = [module.__file__ for name, module in sys.modules.items()\n"
        "         if name.startswith('scaling_guide.') and module.__file__]\n"
        "print(json.dumps(found))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPO
    )
    digested = {str(path) for path, *_ in kept._code()}
    assert set(json.loads(ended.stdout)) - digested == set()


def test_a_value_of_the_process_environment_is_not_written_to_disk(
    load: Loader, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = load.tree / "environments" / "local.yml"
    environment.write_text(environment.read_text().replace("title: Local", "title: ${SG_TEST_SECRET}"))
    monkeypatch.setenv("SG_TEST_SECRET", "hunter2")
    assert load().environments["local"].title == "hunter2"
    assert not cache.exists()
    monkeypatch.delenv("SG_TEST_SECRET")
    assert "local" in load().unavailable
    monkeypatch.setenv("SG_TEST_SECRET", "hunter3")
    assert load().environments["local"].title == "hunter3"


# ------------------------------------------------------------------------------------------------ damage


class Exploit:
    """Runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("/tmp/sg-exploited",)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda kept: b"",
    "cut off": lambda kept: kept[: len(kept) // 2],
    "a bit": lambda kept: kept[:-100] + bytes([kept[-100] ^ 1]) + kept[-99:],
    "garbage": lambda kept: b"garbage" * 1000,
    "another format": lambda kept: kept.replace(b"guide 1", b"guide 0", 1),
    "another pickle": lambda kept: kept[:72] + pickle.dumps(Exploit()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_read_again_and_replaced(load: Loader, cache: Path, damage: str) -> None:
    first = load()
    (file,) = cache.iterdir()
    file.write_bytes(DAMAGE[damage](file.read_bytes()))
    assert load() == first
    assert load() == first
    assert load.times_read == 2
    assert not Path("/tmp/sg-exploited").exists()


def test_what_others_could_have_written_is_not_believed(load: Loader, cache: Path) -> None:
    load()
    (file,) = cache.iterdir()
    file.chmod(0o660)
    load()
    assert load.times_read == 2
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("home", ["", "relative/path", "/proc/nowhere"])
def test_without_a_place_to_keep_it_a_guide_is_read_each_time(
    load: Loader, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    assert load() == load()
    assert load.times_read == 2


def test_what_has_not_been_written_for_long_is_dropped(load: Loader, cache: Path) -> None:
    for number in range(1, 30):
        load({"net": f"127.{number}.0"})
    assert len(list(cache.iterdir())) == kept._KEPT_AT_MOST
    load({"net": "127.29.0"})
    assert load.times_read == 29
