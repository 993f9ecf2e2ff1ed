"""Waiting for a processor is told by the kernel's figures, and is none where there are none."""

from pathlib import Path

import pytest

from scaling_guide.lab.pressure import Pressure

TEXT = "some avg10=98.63 avg60=98.21 avg300=97.13 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


def test_the_share_of_time_is_that_since_the_count_began(tmp_path: Path) -> None:
    source = tmp_path / "cpu"
    source.write_text(TEXT.format(5_000_000_000))
    pressure = Pressure(source)
    assert pressure.share() == 0
    source.write_text(TEXT.format(5_000_000_000 + 3_600_000_000))
    assert pressure.share() == 1


@pytest.mark.parametrize("text", [None, "", "some total=much"])
def test_a_kernel_that_does_not_tell_is_taken_for_idle(tmp_path: Path, text: str | None) -> None:
    source = tmp_path / "cpu"
    if text is not None:
        source.write_text(text)
    assert Pressure(source).share() == 0
