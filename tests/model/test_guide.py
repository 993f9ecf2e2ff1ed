"""The guide finds facts, values and titles by their ids."""

import pytest

from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from tests.model.conftest import GOOD, TODAY, VARIABLES


@pytest.fixture(scope="module")
def guide() -> Guide:
    return load(GOOD, VARIABLES, TODAY)


def test_facts_of_topics_and_runbooks_are_found_by_id(guide: Guide) -> None:
    assert list(guide.facts) == [
        "limits-maxconn",
        "proxy-read-timeout",
        "proxy-method",
        "proxy-autoindex",
        "drain-servers",
    ]


def test_templates_see_one_value_a_fact(guide: Guide) -> None:
    assert guide.values("large") == {
        "limits-maxconn": 200,
        "proxy-read-timeout": "20s",
        "proxy-method": "least_conn",
        "proxy-autoindex": "off",
        "drain-servers": "{apps}",
    }


def test_a_copy_does_not_remember_the_values_of_another(guide: Guide) -> None:
    assert "limits-maxconn" in guide.values("large")
    without = {name: topic for name, topic in guide.topics.items() if name != "balancing/limits"}
    copied = guide.model_copy(update={"topics": without})
    assert "limits-maxconn" not in copied.values("large")
    assert "limits-maxconn" not in copied.facts
    assert "limits-maxconn" in guide.values("large")


def test_titles_come_from_the_table_of_contents(guide: Guide) -> None:
    assert guide.title("balancing/proxy") == "Proxy"


@pytest.mark.parametrize("name", ["balancing/nobody", "nobody/proxy", "proxy", ""])
def test_an_unknown_title_is_a_key_error(guide: Guide, name: str) -> None:
    with pytest.raises(KeyError):
        guide.title(name)


def test_a_runbook_checks_each_fact_once(guide: Guide) -> None:
    assert [fact.id for fact in guide.runbook_facts("drain")] == ["drain-servers", "limits-maxconn"]


def test_phases_of_a_runbook_check_their_own_facts(guide: Guide) -> None:
    assert [fact.id for fact in guide.runbook_facts("drain", "mitigate")] == ["limits-maxconn"]
    assert [fact.id for fact in guide.runbook_facts("drain", "mitigate", "verify")] == [
        "limits-maxconn",
        "drain-servers",
    ]


def test_targets_are_found_by_system_in_the_order_of_the_file(guide: Guide) -> None:
    local = guide.environments["local"]
    assert [target.id for target in local.of("app", "nginx")] == ["lb", "app-1"]
    assert local.of("haproxy") == ()
