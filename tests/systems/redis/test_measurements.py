"""Keys are counted only where there are enough of them; a stampede is measured for real, and put back."""

from pathlib import Path

import pytest

from scaling_guide.lab.layout import Lab
from scaling_guide.lab.measure.rig import NotMeasured, Rig
from scaling_guide.model.load import examine
from scaling_guide.systems.redis import measurements as caches

REPO = Path(__file__).parents[3]


def rig_of(where: Lab) -> Rig:
    guide, _ = examine(REPO / "data", where.variables)
    assert guide is not None
    return Rig(guide.environments["lab"], where)


def test_the_share_is_of_all_keys() -> None:
    assert caches._share("400\n20\n") == 5.0


@pytest.mark.parametrize(
    "said", ["", "400\n", "0\n0\n", "99\n99\n", "ERR no such command\n"],
    ids=["nothing", "half", "no key", "too few", "an error"],
)  # fmt: skip
def test_what_is_no_count_of_enough_keys_is_no_figure(said: str) -> None:
    with pytest.raises(NotMeasured, match="redis-cli said"):
        caches._share(said)


def test_lookups_are_those_of_redis_benchmark() -> None:
    said = '"test","rps","avg_latency_ms"\n"SET","51020.41","0.5"\n"GET","61728.40","0.4"\n'
    assert caches.lookups(said) == 61728.4


@pytest.mark.parametrize("said", ["", '"SET","51020.41"\n', '"GET","0.00"\n', "Could not connect to Redis"])
def test_what_tells_of_no_lookup_is_no_figure(said: str) -> None:
    with pytest.raises(NotMeasured, match="redis-benchmark said"):
        caches.lookups(said)


def test_a_setting_that_an_instance_does_not_have_is_told(tmp_path: Path) -> None:
    rig = rig_of(Lab(64, tmp_path))
    directory = rig.lab.directory("app-2")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "app.env").write_text("APP_CACHE_TTL=1h\n")
    with pytest.raises(NotMeasured, match="app-2 has no APP_CACHE_LUCK"):
        caches._set(rig, "app-2", APP_CACHE_LUCK="1ms")


def test_without_a_lock_all_compute_and_afterwards_the_settings_are_as_before(live: Lab) -> None:
    rig = rig_of(live)
    files = [live.directory(name) / "app.env" for name in ("app-1", "app-2")]
    before = [each.read_text() for each in files]
    with rig.undo:
        sample = caches.stampede(rig)("8")
    # on a busy machine fewer of them miss at the same time
    assert sample["lock"] == 1 < sample["no_lock"]
    assert [each.read_text() for each in files] == before
    cli = next(line for line in rig.noted if line.startswith("redis-cli"))
    assert cli.startswith("redis-cli -e -h redis-cache -p 6379 --user operator SET cache:v1:value:hot-0")
    assert "app.env of app-2: APP_CACHE_LOCK=0s" in rig.noted
