"""What wrk reports is read exactly, and a load in which something failed is no figure."""

from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.measure import wrk
from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.model.load import examine
from scaling_guide.systems.nginx.target import NginxTarget

REPO = Path(__file__).parents[3]
SAID = """\
Running 1s test @ http://127.64.0.20:9080/ok
Transfer/sec:      1.34MB
requests=2400 failed=0 counted=7 bytes=480000 microseconds=1200000 p99=2500
"""


def test_what_wrk_reports_is_read() -> None:
    load = wrk.read(SAID)
    assert load == wrk.Load(requests=2400, counted=7, bytes=480_000, seconds=1.2, p99=2.5)
    assert load.throughput == 2000


@pytest.mark.parametrize(
    "said",
    [
        "",
        SAID.replace("requests=", "wishes="),
        SAID.replace("requests=2400", "requests=0"),
        SAID.replace("failed=0", "failed=1"),
        SAID.replace("p99=2500", "p99=nan"),
    ],
    ids=["nothing", "no report", "no answer", "one failed", "not a number"],
)
def test_a_load_that_failed_is_no_figure(said: str) -> None:
    with pytest.raises(NotMeasured, match="wrk said"):
        wrk.read(said)


def test_a_script_counts_in_what_is_answered_and_a_refusal_is_not_measured(live: Lab) -> None:
    guide, _ = examine(REPO / "data", live.variables)
    assert guide is not None
    rig = Rig(guide.environments["lab"], live)
    nginx = rig.target("nginx")
    assert isinstance(nginx, NginxTarget)
    status = f"http://{nginx.address}:{nginx.status}"
    lua = wrk.script(rig, "each.lua", "counted = 0\nfunction response() counted = counted + 1 end\n")
    load = wrk.wrk(rig, f"{status}/status", clients=2, lua=lua)
    assert load.counted == load.requests > 0
    with pytest.raises(NotMeasured, match=r"failed=[1-9]"):
        wrk.wrk(rig, f"{status}/nothing", clients=2)
