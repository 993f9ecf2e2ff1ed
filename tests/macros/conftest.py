"""The context of a page, for the small guide."""

from collections.abc import Callable
from pathlib import Path

import pytest

from macros.context import Context, Known
from macros.links import Links
from macros.reports import proof, runs
from scaling_guide.model.guide import Guide
from tests.macros.small_guide import TOPIC, make_guide

Site = Callable[..., Context]


@pytest.fixture
def guide() -> Guide:
    return make_guide()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A docs directory with the pages that the small guide links to."""
    for page in ("index.md", f"{TOPIC}.md", "runbooks/index.md", "runbooks/drain.md"):
        path = tmp_path / "docs" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "docs"


@pytest.fixture
def site(docs: Path, tmp_path: Path, guide: Guide) -> Site:
    """The context of a page; what runs left under `tmp_path/build` is part of it."""

    def build(page: str = f"{TOPIC}.md", guide: Guide = guide) -> Context:
        build = tmp_path / "build"
        known = Known(guide, runs(build / "verify"), proof(build / "proof" / "kill-matrix.json"))
        return Context(known, Links(docs, page, directories=True))

    return build
