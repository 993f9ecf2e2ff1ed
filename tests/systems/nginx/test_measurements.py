"""Handshakes count only where they were of the kind asked for; Nginx serves a variant, and is put back."""

from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.model.load import examine
from scaling_guide.systems.nginx import measurements as web

REPO = Path(__file__).parents[3]
RESUMED = "\n\nNow timing with session id reuse.\nstarting\nrrrrr\n\n5 connections in 0.06s\n"
FULL = "Collecting connection statistics for 1 seconds\n****\n\n4 connections in 0.06s\n"


def test_handshakes_are_counted() -> None:
    assert web._handshakes(RESUMED, resumed=True) == 5
    assert web._handshakes(FULL, resumed=False) == 4


@pytest.mark.parametrize(
    ("said", "resumed"),
    [("", True), (FULL, True), (RESUMED, False), (RESUMED.replace("rrr", "r*r"), True)],
    ids=["nothing", "none resumed", "all resumed", "one did not resume"],
)
def test_handshakes_of_another_kind_are_no_figure(said: str, resumed: bool) -> None:
    with pytest.raises(NotMeasured, match="openssl said"):
        web._handshakes(said, resumed)


def test_compressed_answers_are_smaller_and_nothing_is_left_behind(live: Lab) -> None:
    guide, _ = examine(REPO / "data", live.variables)
    assert guide is not None
    rig = Rig(guide.environments["lab"], live)
    config = live.directory("nginx") / "nginx.conf"
    before = config.read_text()
    with rig.undo:
        take = web.compression(rig)
        off, packed = take("off"), take("level_5")
    assert packed["size"] < 0.25 * off["size"]
    assert packed["processor"] > off["processor"] > 0
    assert "listen nginx:9080;" in rig.scripts["measured.conf"]
    assert config.read_text() == before
    assert not (live.directory("nginx") / "measured").exists()
