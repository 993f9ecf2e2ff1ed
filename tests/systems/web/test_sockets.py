"""The accept queue that is in force, as the kernel has it."""

from pathlib import Path

import pytest

from scaling_guide.probes.observation import Unreachable
from scaling_guide.systems.web import sockets
from tests.systems import servers
from tests.systems.servers import HOST


def test_the_queue_in_force_is_read_and_not_the_one_in_a_file(tmp_path: Path) -> None:
    https, http = servers.free_port(), servers.free_port()
    listens = f"server {{ listen {HOST}:{https} backlog=77; listen {HOST}:{http} backlog=99999; }}"
    target = servers.nginx_target(https, http)
    with servers.nginx(tmp_path, ports=[https, http], http=listens):
        _, values = sockets.probe(servers.environment(nginx=target), target, 5.0)
    allowed = int(Path("/proc/sys/net/core/somaxconn").read_text())
    assert values["listen > https > backlog"] == 77
    assert values["listen > http > backlog"] == min(99999, allowed)
    assert values["listen > https > waiting"] == 0


def test_where_nothing_listens_there_is_no_queue_of_length_zero() -> None:
    target = servers.nginx_target(servers.free_port(), servers.free_port())
    with pytest.raises(Unreachable, match="nothing listens"):
        sockets.probe(servers.environment(nginx=target), target, 5.0)
