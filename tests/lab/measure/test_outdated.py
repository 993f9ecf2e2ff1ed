"""Figures are outdated when the record or the code behind them does something else, and not otherwise."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from scaling_guide.lab.measure import measurements, outdated
from scaling_guide.lab.measure.outdated import digest, fingerprint, is_outdated
from tests.lab.measure.records import make_record
from tests.lab.measure.test_result import RESULT

SOURCE = '''
CLIENTS = 8
OTHER = 9


def ways(rig):
    """What it does."""
    return lambda variant: helped(CLIENTS)


def helped(clients):
    return clients


def neighbour(rig):
    return OTHER
'''

Write = Callable[[str], ModuleType]


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Write]:
    """Imports a module of this text, anew each time."""

    def write(text: str) -> ModuleType:
        path = tmp_path / "measured_for_test.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = made
        spec.loader.exec_module(made)
        outdated._definitions.cache_clear()
        return made

    yield write
    sys.modules.pop("measured_for_test", None)


@pytest.mark.parametrize(
    ("before", "after"),
    [("CLIENTS = 8", "CLIENTS = 9"), ("return clients", "return clients + 1"), ("helped(CLIENTS)", "8")],
    ids=["a constant that it uses", "a function that it uses", "itself"],
)
def test_what_it_does_counts(module: Write, before: str, after: str) -> None:
    was = fingerprint(module(SOURCE).ways)
    assert fingerprint(module(SOURCE.replace(before, after)).ways) != was


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("What it does.", "What it is for."),
        ("CLIENTS = 8", "# as many as fit\nCLIENTS = (8)"),
        ("OTHER = 9", "OTHER = 10"),
        ("return OTHER", "return OTHER + 1"),
    ],
    ids=["its docstring", "comments and layout", "another constant", "another function"],
)
def test_what_it_does_not_do_does_not_count(module: Write, before: str, after: str) -> None:
    was = fingerprint(module(SOURCE).ways)
    assert fingerprint(module(SOURCE.replace(before, after)).ways) == was


def test_figures_of_this_code_and_record_are_not_outdated(
    monkeypatch: pytest.MonkeyPatch, module: Write
) -> None:
    ways = module(SOURCE).ways
    monkeypatch.setattr(outdated, "measurements", lambda: {"ways": ways})
    kept = replace(RESULT, digest=digest(make_record(), ways))
    assert not is_outdated(kept, make_record())
    assert is_outdated(kept, make_record(repeats=4))
    assert is_outdated(replace(RESULT, digest="of other code"), make_record())


def test_figures_that_nothing_measures_any_more_are_outdated() -> None:
    assert is_outdated(RESULT, make_record())


def test_each_function_of_the_table_has_a_fingerprint_of_its_own() -> None:
    assert len({fingerprint(each) for each in measurements().values()}) == len(measurements())
