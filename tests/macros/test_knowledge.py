import os
import shutil
from pathlib import Path

import pytest

from macros.knowledge import known
from scaling_guide.model.problems import Invalid

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The guide's own data, to be changed by a test."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def test_an_unchanged_guide_is_read_once(data: Path, tmp_path: Path) -> None:
    assert known(data, tmp_path / "build") is known(data, tmp_path / "build")


def test_a_changed_file_is_read_again(data: Path, tmp_path: Path) -> None:
    before = known(data, tmp_path / "build")
    os.utime(data / "tiers.yml", (1, 1))
    assert known(data, tmp_path / "build") is not before


def test_broken_data_raises_with_the_problem(data: Path, tmp_path: Path) -> None:
    (data / "tiers.yml").unlink()
    with pytest.raises(Invalid, match="MISSING_FILE"):
        known(data, tmp_path / "build")


def test_a_broken_report_raises_with_its_path(data: Path, tmp_path: Path) -> None:
    report = tmp_path / "build" / "verify" / "lab" / "results.json"
    report.parent.mkdir(parents=True)
    report.write_text("{")
    with pytest.raises(ValueError, match=r"lab/results\.json"):
        known(data, tmp_path / "build")
