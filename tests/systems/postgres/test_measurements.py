"""What pgbench says is understood, what it does not say is no figure; one measurement is made for real."""

from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.lab.measure.run import taken
from scaling_guide.model.load import examine
from scaling_guide.systems.postgres import measurements as databases
from scaling_guide.systems.postgres import server
from scaling_guide.systems.postgres.measurements import MEASUREMENTS
from scaling_guide.systems.postgres.rig import postgres

REPO = Path(__file__).parents[3]
SAID = """\
pgbench (15.20 (Debian 15.20-0+deb12u1))
number of failed transactions: 0 (0.000%)
latency average = 6.417 ms
initial connection time = 199.561 ms
tps = 9972.752434 (without initial connection time)
"""


def test_what_pgbench_says_is_understood() -> None:
    assert databases._per_second(SAID) == 9972.752434
    assert databases._milliseconds(SAID) == 6.417


@pytest.mark.parametrize(
    "said",
    [
        "",
        SAID.replace("tps", "TPS"),
        SAID.replace("transactions: 0 (0.000%)", "transactions: 12 (1.2%)"),
        SAID.replace("9972.752434", "nan"),
    ],
    ids=["nothing", "no figure", "failed transactions", "not a number"],
)
def test_what_pgbench_does_not_say_is_no_figure(said: str) -> None:
    with pytest.raises(NotMeasured, match="pgbench said"):
        databases._per_second(said)


def test_a_percentile_is_of_all_logs_which_are_then_gone(tmp_path: Path) -> None:
    guide, _ = examine(REPO / "data", Lab(64, tmp_path).variables)
    assert guide is not None
    rig = Rig(guide.environments["lab"], Lab(64, tmp_path))
    for part, times in enumerate((range(1, 51), range(51, 101))):
        lines = [f"0 {n} {n * 1000} 0 1795510488 782978\n" for n in times]
        (rig.scratch / f"transactions.7.{part}").write_text("".join(lines))
    assert databases._percentile(rig, 0.5) == 51.0
    with pytest.raises(NotMeasured, match="left no log"):
        databases._percentile(rig, 0.5)


def test_an_index_is_measured_to_be_worth_it_and_nothing_is_left_behind(live: Lab) -> None:
    guide, _ = examine(REPO / "data", live.variables)
    assert guide is not None
    varied = guide.measurements["index-or-scan"].varied.model_copy(update={"values": (1_000, 100_000)})
    record = guide.measurements["index-or-scan"].model_copy(
        update={"varied": varied, "repeats": 3, "expect": ("index[100000] < 0.5 * scan[100000]",)}
    )
    rig = Rig(guide.environments["lab"], live)
    result = taken(rig, record, MEASUREMENTS["index-or-scan"])
    assert result.contradictions(record) == ()
    assert result.ran["1000"][0] == (
        "pgbench -h postgres-primary -p 5432 -U app -n -j 2 -c 1 -t 500 -f index_1000.sql appdb"
    )
    assert result.versions["postgres"].startswith("15.")
    left = "select nspname from pg_namespace where nspname = 'measured'"
    assert server.ask(postgres(rig), left, "appdb") == []
