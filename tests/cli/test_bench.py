"""What `guide bench` runs beside the guide does run, and does what it is compared for."""

from pathlib import Path

import pytest

from scaling_guide.cli.bench import Case, _in_turn
from scaling_guide.cli.bench_host import Machine, machine
from scaling_guide.model.kept import load
from scaling_guide.model.lab_layout import layout
from scaling_guide.probes import transport
from scaling_guide.verify.selection import Selection, select
from tests.cli.conftest import REPO
from tests.numbers import own_number


def test_both_ways_run_in_turn_and_the_first_round_does_not_count() -> None:
    ran: list[str] = []

    case = Case(
        end="", ours=lambda: ran.append("ours"), usual="", theirs=lambda: ran.append("theirs"),
        before=lambda: ran.append("before"),
    )  # fmt: skip
    ours, theirs = _in_turn(case, 2)
    assert ran == ["before", "ours", "before", "theirs"] * 3
    assert 0 <= ours < 1
    assert 0 <= theirs < 1


def test_the_ways_over_ssh_run_against_a_server_of_their_own(tmp_path: Path) -> None:
    with own_number() as where:
        guide = load(REPO / "data", layout(where.number).variables)
        environment = guide.environments["lab"]
        checks = select(guide, environment, Selection(targets=frozenset({"host"})))
        with machine(guide, environment, checks[:3], tmp_path) as there:
            assert isinstance(there, Machine)
            assert len(there.commands) == len(there.checks) == 3
            for way in (there.connect, there.script, there.testinfra, lambda: there.verify(where.number)):
                way()
            assert (tmp_path / "build" / "verify" / "results.json").exists()
            assert transport.run(there.host, "echo fine", 20).stdout == "fine\n"


def test_a_verification_that_cannot_begin_is_not_timed(tmp_path: Path) -> None:
    there = Machine(tmp_path, (), ())
    with pytest.raises(ChildProcessError, match="ended with 4"):
        there.verify(1)
