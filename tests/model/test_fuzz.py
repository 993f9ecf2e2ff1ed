"""Whatever the files hold, reading them ends in problems or in a guide, and in nothing else."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_guide.model.expectation import Operator
from scaling_guide.model.record import TIERS
from scaling_guide.model.units import Unit
from tests.model.conftest import GOOD, look

FILES = sorted(path.relative_to(GOOD) for path in GOOD.rglob("*") if path.is_file())
YAML_FILES = [path for path in FILES if path.suffix == ".yml"]

# what somebody may write where something else belongs
STRANGE: list[Any] = [
    *[None, True, 0, -1, 10**20, 1.5, "", " ", "x", "é", "{site}", "${net}", "[", "9" * 5000, "1" * 300],
    *["9999-12-31", "0001-01-01", [], [None], {}, {"x": 1}, {"small": 1}, [[[]]], {"equals": None}, "a\nb"],
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(GOOD, tmp_path_factory.mktemp("fuzz") / "data")


def reads(data: Path, path: Path, content: bytes) -> None:
    """Read the data with another content of one file, which is put back afterwards."""
    try:
        (data / path).write_bytes(content)
        guide, problems = look(data)
    finally:
        shutil.copyfile(GOOD / path, data / path)
    assert guide is not None
    assert all(str(problem) for problem in problems)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_that_ends_early(data: Path, path: Path) -> None:
    content = (GOOD / path).read_bytes()
    for length in range(0, len(content), max(1, len(content) // 6)):
        reads(data, path, content[:length])


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_with_bytes_changed(data: Path, path: Path) -> None:
    chance = random.Random(str(path))
    for _ in range(4):
        content = bytearray((GOOD / path).read_bytes())
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.choice(b"\0\t\n \"'#&*:-[]{}!|>%@`~\x80\xff0a")
        reads(data, path, bytes(content))


def keys_of(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield keys
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from keys_of(value[key], (*keys, key))


def replaced(value: Any, keys: tuple[Any, ...], by: Any) -> Any:
    if not keys:
        return by
    copy = value.copy()
    copy[keys[0]] = replaced(value[keys[0]], keys[1:], by)
    return copy


@pytest.mark.parametrize("path", YAML_FILES, ids=str)
def test_a_value_of_another_form(data: Path, path: Path) -> None:
    chance = random.Random(str(path))
    value = yaml.load((GOOD / path).read_text("utf-8"), yaml.BaseLoader)
    places = list(keys_of(value))
    for keys in chance.sample(places, min(12, len(places))):
        reads(data, path, yaml.safe_dump(replaced(value, keys, chance.choice(STRANGE))).encode())


@given(content=st.binary(max_size=60), path=st.sampled_from(FILES))
@settings(max_examples=25)
def test_any_bytes(content: bytes, path: Path, data: Path) -> None:
    reads(data, path, content)


WRITTEN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("{apps}")
NESTED = st.recursive(
    WRITTEN,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*TIERS, "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(
    expect=st.dictionaries(st.sampled_from([*Operator, "x"]).map(str), NESTED, max_size=2),
    use=NESTED,
    unit=st.sampled_from(Unit).map(str),
)
@settings(max_examples=30)
def test_any_expectation(expect: Any, use: Any, unit: str, data: Path) -> None:
    path = Path("topics/balancing/limits.yml")
    value = yaml.load((GOOD / path).read_text("utf-8"), yaml.BaseLoader)
    value["facts"]["limits-maxconn"] |= {"expect": expect, "use": use, "unit": unit}
    reads(data, path, yaml.safe_dump(value).encode())
