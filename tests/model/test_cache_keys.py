"""Classes of cache keys: what is documented is what the application writes, and what Redis lets it write."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from scaling_guide.model.cache_keys import CacheKeys, Documented
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.units import Unit, meaning
from scaling_guide.systems.app.program import cache

REPO = Path(__file__).parents[2]
GUIDE: Guide = load(REPO / "data", {"net": "127.42.0", "root": "/tmp/lab", "repo": str(REPO), "user": "me"})
CLASSES = list(GUIDE.cache_keys.values())
ACL = (REPO / "data/templates/redis/users.acl.j2").read_text()


def seconds(written: str) -> float:
    return float(meaning(written, Unit.DURATION)) / 1000


@pytest.mark.parametrize("keys", CLASSES, ids=list(GUIDE.cache_keys))
def test_the_application_may_write_keys_of_each_class(keys: CacheKeys) -> None:
    rights = next(line for line in ACL.splitlines() if line.startswith("user app "))
    patterns = re.findall(r"'~([^']+)'", rights)
    assert [pattern for pattern in patterns if fnmatchcase(f"{keys.begins}a", pattern)]


def test_the_applications_own_figures_are_the_documented_ones() -> None:
    values = [keys for keys in CLASSES if keys.kind == "value"]
    assert {keys.generation for keys in values} == {cache.GENERATION}
    assert {seconds(str(keys.negative)) for keys in values} == {cache.NEGATIVE_SECONDS}
    assert seconds(str(GUIDE.cache_keys["session"].ttl)) == cache.SESSION_SECONDS


@pytest.mark.parametrize(("name", "longest"), [("front", 3600 * 1.1), ("value", 3600 * 1.1), ("lock", 5)])
def test_a_class_lives_as_long_as_the_fact_says_with_its_jitter(name: str, longest: float) -> None:
    keys = GUIDE.cache_keys[name]
    assert isinstance(keys.ttl, Documented)
    assert GUIDE.environments["lab"].cache_keys[keys.begins] == pytest.approx(longest * 1000)


def test_sessions_are_no_part_of_a_cache() -> None:
    assert GUIDE.cache_keys["session"].begins not in GUIDE.lifetimes("medium")
