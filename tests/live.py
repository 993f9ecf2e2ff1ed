"""One lab for a whole run of the tests, with everything documented in it, up once a test asks for it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, lab

NUMBERS = range(150, 250)


@contextmanager
def own_number() -> Iterator[Lab]:
    """A lab that is down, with a number that nobody else has; it is down again afterwards."""
    where = next(each for each in map(lab, NUMBERS) if _taken(each))
    try:
        yield where
    finally:
        lifecycle.down(where.number)
        shutil.rmtree(where.root, ignore_errors=True)


def _taken(where: Lab) -> bool:
    """Whether the number was free and is ours now: only one of two runs can make the directory."""
    try:
        where.root.mkdir(mode=0o711)
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="session")
def live() -> Iterator[Lab]:
    """The lab, up. Whoever breaks something in it puts it back."""
    with own_number() as where:
        lifecycle.up(where.number, "medium")
        yield where


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "live" in getattr(item, "fixturenames", ()):
            item.add_marker("lab")
