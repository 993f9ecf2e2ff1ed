"""Which tests of a parallel run share a worker, so that each lab and each build of the site is there once.

Takes the place of xdist's own groups (`--dist loadgroup`), which do not work with pytest 9.
"""

import json
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# those that take longest begin first
SHARED = {"site": frozenset({"served", "offline", "site", "browsed"}), "live": frozenset({"live"})}
DIRECTORY = pytest.StashKey[TemporaryDirectory[str]]()


def group(item: pytest.Item) -> str:
    """The group of a test: by the lab or the build that it uses, and else by its module."""
    used = frozenset(getattr(item, "fixturenames", ()))
    for name, fixtures in SHARED.items():
        if used & fixtures:
            return name
    return item.nodeid.partition("::")[0]


def _begins(item: pytest.Item) -> int:
    """In which round the group of a test begins: what is shared, what has its own lab, all the others."""
    if (name := group(item)) in SHARED:
        return list(SHARED).index(name)
    return len(SHARED) + (item.get_closest_marker("lab") is None)


class Scheduling(LoadScopeScheduling):
    """Gives each worker one group after the other, in the order of their first tests."""

    def __init__(self, config: pytest.Config, log: Any, directory: Path) -> None:
        super().__init__(config, log)
        self._directory = directory

    @cached_property
    def _groups(self) -> dict[str, str]:
        """The group of each test, as the workers wrote it when they had collected."""
        groups: dict[str, str] = json.loads(next(self._directory.iterdir()).read_text("utf-8"))
        return groups

    def _split_scope(self, nodeid: str) -> str:
        return self._groups[nodeid]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    if DIRECTORY not in node.config.stash:
        node.config.stash[DIRECTORY] = TemporaryDirectory(prefix="sg-test-groups-")
    node.workerinput["groups"] = node.config.stash[DIRECTORY].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    if config.option.dist != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return Scheduling(config, log, Path(config.stash[DIRECTORY].name))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: bring the tests in order, and let the scheduler know their groups."""
    given = getattr(config, "workerinput", None)
    if given is None:
        return
    items.sort(key=_begins)
    written = Path(given["groups"]) / given["workerid"]
    written.write_text(json.dumps({item.nodeid: group(item) for item in items}), "utf-8")


def pytest_unconfigure(config: pytest.Config) -> None:
    if DIRECTORY in config.stash:
        config.stash[DIRECTORY].cleanup()
