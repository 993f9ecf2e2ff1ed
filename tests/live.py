"""One lab for a whole run of the tests, with everything documented in it, up once a test asks for it."""

from collections.abc import Iterator

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab
from tests.numbers import own_number


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
