"""Copies of the small, valid data tree in tests/fixtures/good, with overlays that break it."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.load import examine
from scaling_guide.model.problems import Problem

FIXTURES = Path(__file__).parents[1] / "fixtures"
GOOD, BAD = FIXTURES / "good", FIXTURES / "bad"
TODAY = date(2026, 11, 24)
VARIABLES = {"net": "127.42.0"}

Examined = tuple[Guide | None, tuple[Problem, ...]]
Tree = Callable[..., Path]


def look(tree: Path) -> Examined:
    """What `examine` makes of the data at `tree`, on the day for which the fixtures are written."""
    return examine(tree, VARIABLES, TODAY)


def laid_over(overlay: Path, tree: Path) -> None:
    """Put the files of `overlay` into `tree`; `name.gone` takes `name` away."""
    shutil.copytree(overlay, tree, dirs_exist_ok=True)
    for mark in tree.rglob("*.gone"):
        mark.with_suffix("").unlink()
        mark.unlink()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A copy of the good tree with the named overlays of tests/fixtures/bad laid over it."""

    def build(*overlays: str) -> Path:
        copy = tmp_path / "data"
        shutil.copytree(GOOD, copy, dirs_exist_ok=True)
        shutil.copytree(FIXTURES / "docs", tmp_path / "docs", dirs_exist_ok=True)
        for overlay in overlays:
            laid_over(BAD / overlay, copy)
        return copy

    return build
