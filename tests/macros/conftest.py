"""The context of a page, for the small guide."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from macros.context import Context, Known
from macros.links import Links
from scaling_guide.model.guide import Guide
from scaling_guide.model.rehearsals import Measured
from scaling_guide.render.reports import kill_matrix, runs
from tests.macros.small_guide import TOPIC, make_guide, write_run

Site = Callable[..., Context]
Run = Callable[..., None]


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

    def build(
        page: str = f"{TOPIC}.md",
        guide: Guide = guide,
        measured: Mapping[str, Measured] = MappingProxyType({}),
    ) -> Context:
        build = tmp_path / "build"
        known = Known(guide, runs(build), kill_matrix(build), measured)
        return Context(known, Links(docs, page, directories=True))

    return build


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Leave a run of these checks behind, for `site` to find."""

    def write(checks: list[dict[str, Any]], **changes: Any) -> None:
        write_run(tmp_path / "build" / "verify", checks, **changes)

    return write
