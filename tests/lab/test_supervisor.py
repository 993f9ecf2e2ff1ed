import json
import subprocess
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from scaling_guide.lab import supervisor
from scaling_guide.lab.layout import Lab


def test_leftovers_of_a_lab_without_watchdog_are_ended(where: Lab, tmp_path: Path) -> None:
    with (
        subprocess.Popen(("sleep", "60"), process_group=0, cwd=where.root) as ours,
        subprocess.Popen(("sleep", "60"), process_group=0, cwd=tmp_path) as reused,
    ):
        servers = {"ours": {"pid": ours.pid}, "reused": {"pid": reused.pid}, "stopped": {"pid": None}}
        where.state.write_text(json.dumps({"servers": servers}))
        where.control.touch()
        supervisor.end_leftovers(where)
        assert ours.wait(5) == -SIGKILL
        assert reused.poll() is None
        reused.send_signal(SIGTERM)
    assert not where.state.exists()
    assert not where.control.exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"servers": {"a": {}}}'])
def test_a_state_file_that_makes_no_sense_is_no_obstacle(where: Lab, text: str) -> None:
    where.state.write_text(text)
    supervisor.end_leftovers(where)
    assert not where.state.exists()
