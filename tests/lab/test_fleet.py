from pathlib import Path

import pytest

from scaling_guide.lab import fleet
from scaling_guide.lab.layout import Lab, LabError, lab
from scaling_guide.lab.ports import Bind


def test_the_lab_has_every_target_of_its_environment_at_its_address(tmp_path: Path) -> None:
    where = Lab(77, tmp_path, lab(77).repo)
    servers = {server.name: server for server in fleet.servers(where, "small")}
    assert set(servers) >= {"nginx", "haproxy", "app-1", "app-2", "app-3"}
    assert all(bind.ip.startswith("127.77.0.") for server in servers.values() for bind in server.binds)
    assert servers["app-1"].binds == (Bind("127.77.0.31", 8000),)
    assert set(servers["nginx"].needs) == {"app-1", "app-2", "app-3"}


def test_a_tier_that_is_not_documented_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no tier `huge`: use small, medium, large"):
        fleet.servers(Lab(77, tmp_path, lab(77).repo), "huge")
