"""What the pages show was measured by this code, and is as their words say."""

from pathlib import Path

import pytest

from scaling_guide.lab.measure import measurements
from scaling_guide.lab.measure.outdated import is_outdated
from scaling_guide.lab.measure.result import read
from scaling_guide.model.load import examine

DATA = Path(__file__).parents[3] / "data"


def test_every_record_has_a_function_and_every_function_a_record() -> None:
    guide, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"})
    assert guide is not None
    assert set(guide.measurements) == set(measurements())


@pytest.mark.parametrize("name", sorted(measurements()))
def test_a_record_was_measured_as_it_is_and_holds(name: str) -> None:
    guide, _ = examine(DATA, {"net": "127.42.0", "root": "/tmp/lab", "repo": str(DATA.parent), "user": "me"})
    assert guide is not None
    record, result = guide.measurements[name], read(DATA).get(name)
    assert result is not None, f"run `guide lab measure {name}`"
    assert not is_outdated(result, record), f"run `guide lab measure {name}` again"
    assert result.contradictions(record) == ()
