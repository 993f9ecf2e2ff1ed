"""Variants are measured in turn, what fails is told, and the lab is down afterwards whatever happened."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import Lab, LabError
from scaling_guide.lab.measure import run as running
from scaling_guide.lab.measure.rig import NotMeasured, Prepare, Rig, Take
from scaling_guide.lab.measure.run import cores, measure, rounds, taken
from scaling_guide.model.environments import Environment
from scaling_guide.model.load import examine
from scaling_guide.model.measurements import Measurement
from tests.lab.conftest import processes_of
from tests.lab.measure.records import make_record
from tests.numbers import own_number

REPO = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def where() -> Iterator[Lab]:
    """A lab that is down."""
    with own_number() as where:
        yield where


def of_lab(where: Lab) -> Environment:
    guide, _ = examine(REPO / "data", where.variables)
    assert guide is not None
    return guide.environments["lab"]


@pytest.fixture(scope="module")
def environment(where: Lab) -> Environment:
    return of_lab(where)


@pytest.fixture
def rig(where: Lab, environment: Environment) -> Rig:
    return Rig(environment, where)


class Ways:
    """A measurement that measures nothing: it notes what it is asked for and gives rising figures."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.undone = 0

    def prepare(self, rig: Rig) -> Take:
        def undo() -> None:
            self.undone += 1

        def take(variant: str) -> Mapping[str, float]:
            self.asked.append(variant)
            rig.run("echo", variant, str(rig.environment.targets["nginx"].address))
            return {"time": len(self.asked) / 3}

        rig.noted.append("something before all runs")
        rig.undo.callback(undo)
        return take


def test_variants_are_run_in_turn_forwards_and_backwards() -> None:
    assert [list(each) for each in rounds(("a", "b", "c"), 3)] == [
        ["a", "b", "c"],
        ["c", "b", "a"],
        ["a", "b", "c"],
    ]


def test_a_round_comes_first_that_is_not_counted(rig: Rig) -> None:
    ways = Ways()
    result = taken(rig, make_record(), ways.prepare)
    assert ways.asked == ["long", "short", *("long", "short", "short", "long", "long", "short")]
    assert result.spreads["time"]["long"].samples == (1.0, 2.0, 2.333)
    assert result.spreads["time"]["short"].samples == (1.333, 1.667, 2.667)


def test_what_was_run_is_kept_without_what_is_this_lab_s_alone(rig: Rig) -> None:
    result = taken(rig, make_record(), Ways().prepare)
    assert result.prepared == ("something before all runs",)
    assert result.ran == {"long": ("echo long nginx",), "short": ("echo short nginx",)}
    assert (result.tier, result.cores) == (rig.environment.tier, cores())


def test_what_was_prepared_is_put_back_also_after_a_failure(rig: Rig) -> None:
    ways = Ways()

    def prepare(rig: Rig) -> Take:
        ways.prepare(rig)
        return lambda variant: {"time": float(rig.run("false") or 1)}

    with pytest.raises(NotMeasured, match="`false` ended with 1"):
        taken(rig, make_record(), prepare)
    assert ways.undone == 1


def test_a_function_that_tells_other_metrics_is_not_believed(rig: Rig) -> None:
    with pytest.raises(NotMeasured, match="long was measured for speed, not time"):
        taken(rig, make_record(), lambda rig: lambda variant: {"speed": 1.0})


# ---------------------------------------------------------------------------------------- in a lab of its own


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab of one server that starts in no time."""
    monkeypatch.setattr(running.lifecycle, "up", Up(lifecycle.up))


class Up:
    """`lifecycle.up`, with other servers."""

    def __init__(self, up: Callable[..., lifecycle.Status]) -> None:
        self._up = up

    def __call__(self, number: int, tier: str) -> lifecycle.Status:
        return self._up(number, tier, fleet="tests.lab.fleets:light")


def measured_by(monkeypatch: pytest.MonkeyPatch, prepare: Prepare) -> Measurement:
    monkeypatch.setattr(running, "measurements", lambda: {"ways": prepare})
    return make_record()


@pytest.mark.usefixtures("light")
def test_the_lab_is_up_while_it_is_measured_and_down_afterwards(
    monkeypatch: pytest.MonkeyPatch, where: Lab, environment: Environment
) -> None:
    phases = set()

    def prepare(rig: Rig) -> Take:
        def take(variant: str) -> Mapping[str, float]:
            phases.add(lifecycle.status(where.number).phase)
            return {"time": 1.0}

        return take

    measure(environment, measured_by(monkeypatch, prepare), where.number)
    assert phases == {"up"}
    assert lifecycle.status(where.number).phase == "down"


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("end", [NotMeasured("no"), KeyboardInterrupt(), LabError("no")], ids=repr)
def test_the_lab_is_down_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, where: Lab, environment: Environment, end: BaseException
) -> None:
    def prepare(rig: Rig) -> Take:
        raise end

    with pytest.raises(type(end)):
        measure(environment, measured_by(monkeypatch, prepare), where.number)
    assert lifecycle.status(where.number).phase == "down"


@pytest.mark.usefixtures("light")
def test_a_lab_that_others_use_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, where: Lab, environment: Environment
) -> None:
    lifecycle.up(where.number, environment.tier)
    try:
        with pytest.raises(LabError, match="is up, and others would share it"):
            measure(environment, measured_by(monkeypatch, Ways().prepare), where.number)
        assert lifecycle.status(where.number).phase == "up"
    finally:
        lifecycle.down(where.number)


def test_a_record_that_no_function_measures_is_told_before_a_lab_is_started(environment: Environment) -> None:
    with pytest.raises(NotMeasured, match="no function measures nobody"):
        measure(environment, make_record("nobody"), 251)


INTERRUPTED = """
import signal, sys
from pathlib import Path
from scaling_guide.lab import lifecycle
from scaling_guide.lab.layout import lab
from scaling_guide.lab.measure import run
from scaling_guide.model.load import examine
from tests.lab.measure.records import make_record

def prepare(rig):
    print("measuring", flush=True)
    return lambda variant: {"time": len(rig.run("sleep", "30"))}

up = lifecycle.up
run.measurements = lambda: {"ways": prepare}
run.lifecycle.up = lambda number, tier: up(number, tier, fleet="tests.lab.fleets:light")
where = lab(int(sys.argv[1]))
environment = examine(Path("data"), where.variables)[0].environments["lab"]
run.measure(environment, make_record(), where.number)
"""


def test_ctrl_c_ends_the_tool_and_takes_the_lab_down(where: Lab) -> None:
    environ = {**os.environ, "PYTHONPATH": str(REPO)}
    argv = [sys.executable, "-c", INTERRUPTED, str(where.number)]
    with subprocess.Popen(argv, cwd=REPO, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stdout is not None
        assert ran.stdout.readline() == b"measuring\n"
        ran.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in ran.communicate(timeout=20)[1]
    assert lifecycle.status(where.number).phase == "down"
    assert processes_of(where) == []


# ------------------------------------------------------------------------------------------ in the whole lab


def test_versions_are_those_of_the_servers_that_took_part(live: Lab) -> None:
    def prepare(rig: Rig) -> Take:
        rig.target("pgbouncer")
        return lambda variant: {"time": 1.0}

    result = taken(Rig(of_lab(live), live), make_record(), prepare)
    assert list(result.versions) == ["pgbouncer"]
