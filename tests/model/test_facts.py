"""A fact says what is claimed for a tier and an environment, with nothing left to fill in."""

import pytest

from scaling_guide.model.expectation import Operator
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from tests.model.conftest import GOOD, TODAY, VARIABLES


@pytest.fixture(scope="module")
def guide() -> Guide:
    return load(GOOD, VARIABLES, TODAY)


def changed(fact: Fact, **values: object) -> Fact:
    copy = fact.model_copy(update=values)
    copy._id = fact.id
    return copy


def test_a_tiered_value_is_the_one_of_the_tier(guide: Guide) -> None:
    fact = guide.facts["proxy-read-timeout"]
    assert (fact.value("small"), fact.value("large"), fact.tiered) == ("30s", "20s", True)


def test_a_plain_value_is_that_of_every_tier(guide: Guide) -> None:
    fact = guide.facts["limits-maxconn"]
    assert (fact.value("small"), fact.value("large"), fact.tiered) == ([100, 400], [100, 400], False)


def test_config_files_take_the_value_or_what_is_said_under_use(guide: Guide) -> None:
    assert guide.facts["proxy-read-timeout"].used("large") == "20s"
    assert guide.facts["limits-maxconn"].used("large") == 200


def test_the_page_of_a_fact_is_that_of_its_topic_or_runbook(guide: Guide) -> None:
    assert guide.facts["proxy-method"].page == "balancing/proxy/#proxy-method"
    assert guide.facts["drain-servers"].page == "runbooks/drain/#drain-servers"


def test_a_claim_takes_the_value_of_the_environments_tier(guide: Guide) -> None:
    fact = guide.facts["proxy-read-timeout"]
    assert fact.claim(guide.environments["local"]).expectation.value == "30s"
    assert fact.claim(guide.environments["remote"]).expectation.value == "20s"


def test_a_claim_names_the_site_in_its_setting(guide: Guide) -> None:
    claim = guide.facts["proxy-read-timeout"].claim(guide.environments["local"])
    assert claim.setting == "http > server app.test > proxy_read_timeout"


@pytest.mark.parametrize(
    ("placeholder", "value"),
    [
        ("{site}", "app.test"),
        ("{apps}", ["127.42.0.31:8000"]),
        ("{app count}", 1),
        ("{app version}", "1.0"),
    ],
)
def test_a_claim_takes_what_the_environment_says_for_a_placeholder(
    guide: Guide, placeholder: str, value: object
) -> None:
    fact = changed(guide.facts["drain-servers"], expect={Operator.EQUALS: placeholder})
    assert fact.claim(guide.environments["local"]).expectation.value == value


def test_a_claim_judges_values_as_found(guide: Guide) -> None:
    claim = guide.facts["limits-maxconn"].claim(guide.environments["remote"])
    assert claim.judge({"backend app > server app-1 > maxconn": "200"}).met
    assert not claim.judge({"backend app > server app-1 > maxconn": "500"}).met


def test_the_fingerprint_changes_with_the_claim(guide: Guide) -> None:
    fact = guide.facts["limits-maxconn"]
    others = [
        changed(fact, expect={Operator.BETWEEN: [100, 401]}),
        changed(fact, setting="backend app > server * > maxqueue"),
        changed(fact, unit="bytes"),
        changed(fact, since="2.1"),
    ]
    assert len({fact.digest("small"), *(other.digest("small") for other in others)}) == 5


def test_the_fingerprint_stays_when_only_words_change(guide: Guide) -> None:
    fact = guide.facts["limits-maxconn"]
    assert changed(fact, why="Otherwise.", label="Other", severity="critical").digest("small") == fact.digest(
        "small"
    )


def test_the_fingerprint_of_a_tier_changes_with_its_value_only(guide: Guide) -> None:
    fact = guide.facts["proxy-read-timeout"]
    other = changed(fact, expect={Operator.AT_MOST: {"small": "30s", "medium": "30s", "large": "25s"}})
    assert fact.digest("small") == other.digest("small")
    assert fact.digest("large") != other.digest("large")
