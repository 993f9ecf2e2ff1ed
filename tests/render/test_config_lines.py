"""The lines of a config file say which tiers have them and which facts they come from."""

from itertools import product
from pathlib import Path

import pytest

from macros.knowledge import known
from scaling_guide.model.guide import Guide
from scaling_guide.model.record import TIERS
from scaling_guide.render.config_lines import ConfigLine, config_lines
from scaling_guide.render.configs import render
from scaling_guide.render.site import SHOWN
from tests.macros.small_guide import FACTS, make_fact, make_guide

ROOT = Path(__file__).parents[2]
TEMPLATE = """\
# {{ env.site }}, tier {{ tier }}
connections {{ v['nginx-worker-connections'] }};
{% if v['gzip'] == 'on' %}
gzip on;
{% endif %}

  {% for address in v['names'] %}{{ address }} {% endfor %}

timeout {{ v['nginx-read-timeout'] }}; plain {{ target.id }}
"""


@pytest.fixture(scope="module")
def guide() -> Guide:
    return known(ROOT / "data", ROOT / "no-reports").guide


@pytest.fixture
def lines(tmp_path: Path) -> tuple[ConfigLine, ...]:
    folder = tmp_path / "templates" / "app"
    folder.mkdir(parents=True)
    (folder / "app.conf.j2").write_text(TEMPLATE)
    gzip = make_fact(expect={"equals": {"small": "off", "medium": "on", "large": "on"}}, unit="text")
    names = make_fact(expect={"set_equals": ["a", "b"]}, unit="text")
    small = make_guide({**FACTS, "gzip": gzip, "names": names}, directory=tmp_path)
    place = small.environments["production"]
    return config_lines(small, place, place.targets["app-1"])["app.conf"]


def of(lines: tuple[ConfigLine, ...], text: str) -> ConfigLine:
    (found,) = (line for line in lines if line.text == text)
    return found


def test_a_line_names_the_tiers_that_have_it(lines: tuple[ConfigLine, ...]) -> None:
    assert of(lines, "connections 1024;").tiers == {"small"}
    assert of(lines, "connections 4096;").tiers == {"medium", "large"}
    assert of(lines, "gzip on;").tiers == {"medium", "large"}
    assert of(lines, "timeout 60s; plain app-1").tiers == set(TIERS)


def test_a_line_names_the_facts_that_it_comes_from(lines: tuple[ConfigLine, ...]) -> None:
    assert of(lines, "connections 4096;").facts == {"nginx-worker-connections"}
    assert of(lines, "gzip on;").facts == {"gzip"}
    assert of(lines, "a b ").facts >= {"names"}
    assert of(lines, "timeout 60s; plain app-1").facts == {"nginx-read-timeout"}


def test_the_lines_of_a_tier_are_its_file(guide: Guide) -> None:
    place = guide.environments[SHOWN]
    for target, tier in product(place.targets.values(), TIERS):
        merged = config_lines(guide, place, target)
        for name, text in render(guide, place, target, tier).items():
            assert [line.text for line in merged[name] if tier in line.tiers] == text.splitlines()


def test_every_value_in_a_file_is_known_by_its_line(guide: Guide) -> None:
    place = guide.environments[SHOWN]
    (target, *_) = (each for each in place.targets.values() if each.system == "nginx")
    lines = config_lines(guide, place, target)["nginx.conf"]
    (line,) = (each for each in lines if each.text.strip().startswith("proxy_read_timeout"))
    assert line.facts == {"nginx-read-timeout"}
