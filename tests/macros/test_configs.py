"""A config file stands once on a page, with the topic's lines in light and the rest folded."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from macros import configs
from scaling_guide.model.guide import Guide
from tests.macros.conftest import Site
from tests.macros.small_guide import ENVIRONMENT, TOPIC, make_fact, make_guide

TEMPLATE = """\
# {{ target.id }}
other {
    plain;
    deep {
        # how many
        connections {{ v['connections'] }};
        far;
    }
}
timeout {{ v['timeout'] }};
{% if target.id == 'app-2' %}
late {{ v['late'] }};
{% endif %}
"""


@pytest.fixture
def guide(tmp_path: Path) -> Guide:
    folder = tmp_path / "data" / "templates" / "app"
    folder.mkdir(parents=True)
    (folder / "app.conf.j2").write_text(TEMPLATE)
    facts = {
        "connections": make_fact(),
        "timeout": make_fact(expect={"at_most": "60s"}, unit="duration"),
        "late": make_fact(expect={"at_most": "10s"}, unit="duration"),
    }
    return make_guide(facts, directory=tmp_path / "data")


def shown(site: Site, guide: Guide, of: tuple[str, ...] = ("connections", "timeout", "late")) -> str:
    topic = guide.topics[TOPIC]
    part = topic.model_copy(update={"facts": {id: topic.facts[id] for id in of}})
    part._id = TOPIC
    return configs.configs(site(guide=guide), part, ["app"])


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def text(page: BeautifulSoup, tier: str = "") -> str:
    """The listing as a reader of a tier has it."""
    code = page.find("code", attrs={"data-first": True})
    for part in code.find_all(class_="t"):
        if tier and tier not in part["class"]:
            part.decompose()
    return str(code.get_text())


def test_lines_of_the_topic_are_linked_to_their_settings(site: Site, guide: Guide) -> None:
    links = soup(shown(site, guide)).select(".sg-config code a")
    assert [(link.get_text().strip(), link["href"]) for link in links] == [
        ("connections 1024;", "#connections"),
        ("connections 4096;", "#connections"),
        ("timeout 60s;", "#timeout"),
    ]


def test_blocks_around_and_a_comment_above_stay_in_sight(site: Site, guide: Guide) -> None:
    page = soup(shown(site, guide))
    folded = [part.get_text() for part in page.select(".r")]
    assert folded == ["# app-1\n", "    plain;\n", "        far;\n    }\n}\n"]


def test_the_file_of_each_tier_is_whole(site: Site, guide: Guide) -> None:
    assert "connections 1024;\n" in text(soup(shown(site, guide)), "s")
    large = text(soup(shown(site, guide)), "l")
    assert "connections 4096;\n" in large
    assert "1024" not in large


def test_other_tiers_are_a_diff(site: Site, guide: Guide) -> None:
    (diff,) = soup(shown(site, guide)).select("[data-diff]")
    assert diff["data-diff"] == "small"
    assert "-        connections 4096;\n+        connections 1024;" in diff.get_text()
    assert "timeout" not in diff.get_text()


def test_what_is_alike_on_all_tiers_has_no_diff(site: Site, guide: Guide) -> None:
    template = guide.directory / "templates" / "app" / "app.conf.j2"
    template.write_text("timeout {{ v['timeout'] }};\n")
    assert soup(shown(site, guide)).select(".sg-diffs") == []


def test_a_file_without_a_line_of_the_topic_is_only_offered(site: Site, guide: Guide) -> None:
    page = shown(site, guide, of=("late",))
    assert "###" not in page
    assert "app/app.conf: not rendered in this build" in soup(page).get_text()
    assert "no line of this topic" in soup(page).get_text()


def test_of_a_second_role_only_further_lines_are_shown(site: Site, guide: Guide) -> None:
    second = {"system": "app", "address": "10.0.1.32"}
    record = {**ENVIRONMENT, "targets": {**ENVIRONMENT["targets"], "app-2": second}}  # type: ignore[dict-item]
    environment = type(guide.environments["production"]).model_validate(record)
    environment._name = "production"
    for id, target in environment.targets.items():
        target._id = id
    guide = guide.model_copy(update={"environments": {**guide.environments, "production": environment}})
    first, other = (environment.targets[name] for name in ("app-1", "app-2"))
    variants = [
        (target, configs.config_lines(guide, environment, target)["app.conf"]) for target in (first, other)
    ]
    fuller, lesser = configs._files(guide.topics[TOPIC], "app.conf", variants)
    assert (fuller.target.id, lesser.target.id) == ("app-2", "app-1")
    assert lesser.runs == ()
    narrow = [(first, variants[1][1]), (other, variants[0][1][:6])]
    whole, rest = configs._files(guide.topics[TOPIC], "app.conf", narrow)
    assert (whole.whole, rest.whole, rest.runs) == (True, False, ())


def test_a_file_that_was_rendered_can_be_downloaded(site: Site, guide: Guide, docs: Path) -> None:
    for tier in ("small", "medium", "large"):
        file = docs / "downloads" / tier / "app" / "app.conf"
        file.parent.mkdir(parents=True)
        file.touch()
    links = soup(shown(site, guide)).select(".sg-downloads a")
    assert [link["href"] for link in links] == [
        f"../../downloads/{tier}/app/app.conf" for tier in ("small", "medium", "large")
    ]
