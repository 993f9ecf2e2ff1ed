"""A change selects the tests that it can break, the nearest first."""

from pathlib import Path

import pytest

from tools.affected import affected

FILES = {
    "scaling_guide/lab/lock.py": "",
    "scaling_guide/lab/lifecycle.py": "from scaling_guide.lab import lock",
    "scaling_guide/lab/fleet.py": "def late():\n    from . import lifecycle",
    "scaling_guide/model/units.py": "",
    "scaling_guide/model/systems.py": "",
    "scaling_guide/systems/redis/probe.py": "",
    "tests/conftest.py": 'pytest_plugins = ["tests.live"]',
    "tests/live.py": "",
    "tests/data.py": 'DATA = ROOT / "data"',
    "tests/lab/conftest.py": "import scaling_guide.lab.fleet",
    "tests/lab/test_lock.py": "import scaling_guide.lab.lock",
    "tests/lab/test_lifecycle.py": "from scaling_guide.lab.lifecycle import up",
    "tests/lab/test_other.py": "",
    "tests/model/test_units.py": "from scaling_guide.model import units",
    "tests/model/test_data.py": "from tests.data import DATA",
    "tests/systems/redis/test_probe.py": "",
    "tests/model/test_systems.py": "import scaling_guide.model.systems",
    "tests/test_readme.py": 'README = ROOT / "README.md"\nNAMED = "docs/index.md"',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_module_selects_its_mirror_and_all_that_import_it(root: Path) -> None:
    found = affected(root, ["scaling_guide/lab/lock.py"])
    assert list(found.items()) == [
        ("tests/lab/test_lock.py", 0),
        ("tests/lab/test_lifecycle.py", 2),
        # by way of the conftest beside it
        ("tests/lab/test_other.py", 4),
    ]


def test_a_system_is_reached_by_way_of_the_registry(root: Path) -> None:
    found = affected(root, ["scaling_guide/systems/redis/probe.py"])
    assert found == {"tests/systems/redis/test_probe.py": 0, "tests/model/test_systems.py": 2}


def test_a_test_selects_itself(root: Path) -> None:
    assert affected(root, ["tests/model/test_units.py"]) == {"tests/model/test_units.py": 0}


@pytest.mark.parametrize("changed", ["tests/conftest.py", "tests/live.py"])
def test_what_all_tests_use_selects_all(root: Path, changed: str) -> None:
    tests = {name for name in FILES if name.rpartition("/")[2].startswith("test_")}
    assert affected(root, [changed]).keys() == tests


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("data/topics/caching.yml", "tests/model/test_data.py"),
        ("README.md", "tests/test_readme.py"),
        ("docs/index.md", "tests/test_readme.py"),
    ],
)
def test_a_file_selects_the_tests_that_name_it_or_its_folder(root: Path, changed: str, test: str) -> None:
    assert affected(root, [changed]) == {test: 1}


def test_what_nothing_names_selects_nothing(root: Path) -> None:
    assert affected(root, ["LICENSE", "scaling_guide/lab/unused.py"]) == {}


def test_of_several_changes_the_nearest_counts(root: Path) -> None:
    changed = ["scaling_guide/lab/lock.py", "scaling_guide/lab/lifecycle.py"]
    assert affected(root, changed)["tests/lab/test_lifecycle.py"] == 0
