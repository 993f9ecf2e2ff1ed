"""The files of a lab are in one directory of its user."""

import os
from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab, LabError, lab
from scaling_guide.model.lab_layout import layout


def test_a_lab_is_where_its_number_says() -> None:
    where, its = lab(42), layout(42)
    assert (where.number, where.root, where.variables) == (its.number, its.root, its.variables)
    assert where.directory("nginx").parent == where.control.parent == where.root


def test_a_claimed_directory_can_be_walked_through_but_not_listed_by_others(tmp_path: Path) -> None:
    where = Lab(42, tmp_path / "lab")
    where.claim()
    where.claim()
    assert where.root.stat().st_mode & 0o777 == 0o711
    assert where.log("nginx").parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_another_user_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = Lab(42, tmp_path / "lab")
    where.claim()
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(LabError, match="not this user's"):
        where.claim()


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lab").symlink_to(tmp_path)
    with pytest.raises(LabError, match="not this user's"):
        Lab(42, tmp_path / "lab").claim()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"file/lab cannot be used: Not a directory"):
        Lab(42, tmp_path / "file" / "lab").claim()
