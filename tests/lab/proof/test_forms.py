"""Ways of breaking a target: each changes what it says, or did not land."""

import asyncio

import pytest

from scaling_guide.lab.proof.bench import Bench, DidNotLand
from scaling_guide.lab.proof.mutations import MUTATIONS
from scaling_guide.lab.proof.mutations.forms import (
    behind_its_back,
    changed_on_disk,
    edited,
    edited_by_hand,
    without,
)
from scaling_guide.model.record import TIERS
from tests.lab.proof.conftest import Still
from tests.verify.observations import guide as documented

TEXT = "frontend web\n    mode http\n    maxconn 10\nbackend app\n    mode http\n"
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


def test_a_bench_whose_target_refuses_keeps_what_it_had(bench: Bench, monkeypatch) -> None:
    async def refuses(self: Bench) -> None:
        raise TimeoutError("no answer")

    monkeypatch.setattr(Bench, "take_effect", refuses)
    with pytest.raises(DidNotLand, match="no answer"):
        asyncio.run(bench.put({"haproxy.cfg": "other"}))
    assert bench.current == bench.pristine
    assert (bench.directory / "haproxy.cfg").read_text() == TEXT


def test_what_is_changed_on_disk_does_not_run_and_is_put_back(bench: Bench) -> None:
    file = bench.directory / "haproxy.cfg"

    async def on_disk() -> tuple[str, str]:
        async with changed_on_disk((r"maxconn 10", "maxconn 9"))(bench) as said:
            assert bench.current == bench.pristine
            return file.read_text(), said

    text, said = asyncio.run(on_disk())
    assert text == TEXT.replace("maxconn 10", "maxconn 9")
    assert said == "haproxy.cfg changed, and nobody told the server"
    assert file.read_text() == TEXT


def test_a_file_that_was_edited_by_hand_sets_what_it_did(bench: Bench) -> None:
    async def on_disk() -> str:
        async with edited_by_hand(bench):
            return (bench.directory / "haproxy.cfg").read_text()

    assert asyncio.run(on_disk()) == f"{TEXT}# edited by hand\n"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("system", ["nginx", "haproxy", "postgres", "pgbouncer"])
def test_a_reload_that_is_forgotten_leaves_another_file_on_disk(still: Still, system: str, tier) -> None:
    targets = documented().environments["lab"].targets.values()
    bench = still(next(each.id for each in targets if each.system == system), tier)

    async def forget() -> list[str]:
        async with MUTATIONS["reload-forgotten", bench.target.system](bench):
            return [
                name for name in bench.pristine if (bench.directory / name).exists()
                and (bench.directory / name).read_text() != bench.pristine[name]
            ]  # fmt: skip

    assert len(asyncio.run(forget())) == 1
