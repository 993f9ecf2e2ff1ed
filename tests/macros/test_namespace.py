import pytest

from macros.namespace import Namespace
from tests.macros.conftest import Site
from tests.macros.small_guide import make_fact, make_guide


@pytest.fixture
def sg(site: Site) -> Namespace:
    return Namespace(site)


def test_a_value_is_told_in_words_for_its_tier(sg: Namespace) -> None:
    assert sg.value("nginx-worker-connections", "medium") == "4,096"


def test_a_value_that_all_tiers_share_needs_no_tier(sg: Namespace) -> None:
    assert sg.value("nginx-read-timeout") == "60 s"
    assert sg.expect("nginx-read-timeout") == "at most 60 s"


def test_a_value_that_differs_by_tier_needs_one(sg: Namespace) -> None:
    with pytest.raises(LookupError, match="name one of small, medium, large"):
        sg.value("nginx-worker-connections")


def test_an_unknown_fact_is_named(sg: Namespace) -> None:
    with pytest.raises(LookupError, match="there is no fact `nginx-typo`"):
        sg.value("nginx-typo")


def test_an_unknown_tier_is_named(sg: Namespace) -> None:
    with pytest.raises(LookupError, match="there is no tier `huge`"):
        sg.value("nginx-read-timeout", "huge")  # type: ignore[arg-type]


@pytest.fixture
def roomy(site: Site) -> Namespace:
    """A guide whose facts leave room to config files."""
    bounds = {"expect": {"between": ["30s", "75s"]}, "unit": "duration"}
    uses = {"small": "60s", "medium": "65s", "large": "65s"}
    facts = {"same": make_fact(**bounds, use="65s"), "tiered": make_fact(**bounds, use=uses)}
    return Namespace(lambda: site(guide=make_guide(facts)))


def test_the_value_of_config_files_is_told_apart_from_its_bounds(roomy: Namespace) -> None:
    assert roomy.expect("same") == "between 30 s and 75 s"
    assert roomy.used("same") == "65 s"
    assert roomy.used("tiered", "small") == "60 s"


def test_a_value_of_config_files_that_differs_by_tier_needs_one(roomy: Namespace) -> None:
    with pytest.raises(LookupError, match="name one of small, medium, large"):
        roomy.used("tiered")


def test_a_reference_links_to_where_the_fact_is_documented(site: Site) -> None:
    link = Namespace(lambda: site("index.md")).ref("nginx-read-timeout")
    assert link == (
        '<a href="load-balancing/configuration/#nginx-read-timeout" title="Read timeout">'
        "<code>proxy_read_timeout</code></a>"
    )


def test_a_block_of_a_page_without_a_topic_says_which_topic_is_missing(site: Site) -> None:
    with pytest.raises(LookupError, match="there is no topic `index`"):
        Namespace(lambda: site("index.md")).settings()


def test_some_settings_can_be_named(sg: Namespace) -> None:
    shown = sg.settings("nginx-read-timeout")
    assert "Read timeout" in shown
    assert "Connections per worker" not in shown
