"""requirements.lock holds what pyproject.toml asks for, and no address of a package registry."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASKED_FOR = [
    Requirement(text)
    for text in (
        *PYPROJECT["project"]["dependencies"],
        *PYPROJECT["dependency-groups"]["dev"],
        *PYPROJECT["build-system"]["requires"],
    )
]


def locked() -> dict[str, set[str]]:
    """The versions of each package in the lock: more than one where markers tell them apart."""
    versions: dict[str, set[str]] = {}
    for line in LOCK.splitlines():
        if line and line[0] not in "# ":
            name, version = line.split(" ")[0].split("==")
            versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


@pytest.mark.parametrize("requirement", ASKED_FOR, ids=str)
def test_every_requirement_is_locked_at_a_version_it_allows(requirement: Requirement) -> None:
    versions = locked()[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(version) for version in versions), (
        f"the lock has {versions}: run `make lock`"
    )


def test_the_lock_names_no_registry() -> None:
    assert "://" not in LOCK
    assert "index-url" not in LOCK
