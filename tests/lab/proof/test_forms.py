"""Ways of breaking a target: each changes what it says, or did not land."""

import asyncio

import pytest

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.forms import behind_its_back, edited, without
from scaling_guide.lab.proof.mutations import mutations_of
from scaling_guide.model.record import TIERS
from scaling_guide.model.systems import systems
from tests.lab.proof.conftest import Still
from tests.verify.observations import guide as documented

TEXT = "frontend web\n    mode http\n    maxconn 10\nbackend app\n    mode http\n"
MUTATIONS = {(name, system): each for system in systems() for name, each in mutations_of(system).items()}
EDITS = [key for key, applied in MUTATIONS.items() if applied.__qualname__.startswith("edited.")]


@pytest.fixture
def bench(still: Still) -> Bench:
    made = still("haproxy")
    made.pristine = made.current = {"haproxy.cfg": TEXT}
    return made


def applied(form, bench: Bench) -> tuple[str, str]:
    """What runs while it is there, and what it says."""

    async def apply() -> tuple[str, str]:
        async with form(bench) as change:
            return bench.current["haproxy.cfg"], change

    return asyncio.run(apply())


def test_an_edit_replaces_every_match(bench: Bench) -> None:
    text, change = applied(edited((r"mode http", "mode tcp")), bench)
    assert (text, change) == (TEXT.replace("mode http", "mode tcp"), "mode tcp")


def test_without_drops_whole_lines(bench: Bench) -> None:
    text, change = applied(without("maxconn .*"), bench)
    assert text == TEXT.replace("    maxconn 10\n", "")
    assert "maxconn" in change


def test_an_edit_that_matches_nothing_did_not_land(bench: Bench) -> None:
    with pytest.raises(DidNotLand, match="nothing in the file matches no such line"):
        applied(edited(("mode http", "mode tcp"), ("no such line", "")), bench)
    assert bench.current == bench.pristine


def test_what_was_changed_behind_its_back_is_put_back_however_it_ends(bench: Bench) -> None:
    path = bench.directory / "haproxy.cfg"

    async def change() -> None:
        async with behind_its_back(bench, {"haproxy.cfg": "broken"}):
            assert path.read_text() == "broken"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(change())
    assert path.read_text() == TEXT


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("name", "system"), EDITS)
def test_every_edit_matches_the_documented_file(still: Still, name: str, system: str, tier) -> None:
    targets = documented().environments["lab"].targets.values()
    bench = still(next(each.id for each in targets if each.system == system), tier)

    async def apply() -> None:
        async with MUTATIONS[name, bench.target.system](bench):
            assert bench.current != bench.pristine

    asyncio.run(apply())
