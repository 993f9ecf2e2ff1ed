"""Memcached: a command, and its answer as lines."""

from pathlib import Path

from scaling_guide.render.commands import render
from tests.render.commands.conftest import GUIDE, Tools, of


def test_a_command_is_sent_and_its_answer_has_no_carriage_returns(tools: Tools, tmp_path: Path) -> None:
    (target,) = GUIDE.environments["production"].of("memcached")
    tools.add("socat", f"cat > {tmp_path}/sent; printf 'STAT pid 7\\r\\nEND\\r\\n'")
    text = render("{{ memcached(target, 'stats') }} | grep -qx 'STAT pid 7'", of(), target)
    assert tools.run(text) == 0
    assert (tmp_path / "sent").read_bytes() == b"stats\r\nquit\r\n"
