"""`sg`, the one name that pages call."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from markupsafe import escape

from macros import (
    configs,
    coverage,
    home,
    measured,
    measurements,
    proof,
    runbook,
    supabase,
    tiers,
    topic,
    verification,
    words,
)
from macros.context import Context
from macros.escape import inline
from scaling_guide.model.expectation import Expectation, as_list
from scaling_guide.model.facts import Fact
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.runbooks import Runbook
from scaling_guide.model.topics import Topic
from scaling_guide.model.units import words as in_words

T = TypeVar("T")


class Namespace:
    """The blocks of a page. Which topic or runbook is meant follows from the page that calls.

    Every method returns Markdown; a LookupError names what is not in the data.
    """

    def __init__(self, site: Callable[[], Context]) -> None:
        self._site = site

    # ------------------------------------------------------------------------------------ values in prose

    def value(self, fact_id: str, tier: TierName | None = None) -> str:
        """The documented value in words: `4,096`, `60 s`. `tier` may be left out where all tiers agree."""
        expectation = self._expectation(fact_id, tier)
        return inline(", ".join(in_words(item, expectation.unit) for item in as_list(expectation.value)))

    def expect(self, fact_id: str, tier: TierName | None = None) -> str:
        """The documented value with its operator in words: `at most 60 s`."""
        return inline(self._expectation(fact_id, tier).words())

    def used(self, fact_id: str, tier: TierName | None = None) -> str:
        """The value that config files take, in words. `tier` may be left out where all tiers agree."""
        site, fact = self._site(), self._fact(fact_id)
        return inline(site.used(fact, _tier(fact, tier, site.uses_differ(fact))))

    def ref(self, fact_id: str) -> str:
        """The parameter's own name, else the label, as a link to where the fact is documented."""
        site, fact = self._site(), self._fact(fact_id)
        title = f' title="{escape(fact.label)}"' if site.parameter(fact) else ""
        return f'<a href="{site.page(fact)}"{title}>{site.short(fact)}</a>'

    def lost(self, measured_id: str, scenario: str, target: str) -> str:
        """How many requests a runbook or an experiment lost in a scenario through a load balancer."""
        return measured.lost(self._site(), measured_id, scenario, target)

    def median(self, measurement_id: str, metric: str, variant: object) -> str:
        """The median of a measurement for one variant, with its unit: `22,900 transactions/s`."""
        return measurements.median(self._site(), measurement_id, metric, str(variant))

    # ----------------------------------------------------------------------------------------- topic pages

    def header(self) -> str:
        return topic.header(self._site(), self._topic())

    def questions(self) -> str:
        return words.questions(self._site(), self._topic())

    def messages(self) -> str:
        return words.messages(self._site(), self._topic())

    def settings(self, *fact_ids: str) -> str:
        """The settings of the topic; those named, where any are."""
        facts = [self._fact(each) for each in fact_ids] or self._topic().facts.values()
        return topic.settings(self._site(), facts)

    def changes(self) -> str:
        return topic.changes(self._site(), self._topic().facts.values())

    def configs(self, *systems: str) -> str:
        """The config files of the topic; those of some systems, where named."""
        return configs.configs(self._site(), self._topic(), systems or self._topic().configs)

    def checks(self) -> str:
        return topic.checks(self._site(), self._topic())

    def budgets(self) -> str:
        return topic.budgets(self._site(), self._topic())

    def thresholds(self) -> str:
        return topic.thresholds(self._site(), self._topic())

    def cache_keys(self) -> str:
        return topic.cache_keys(self._site())

    def experiments(self) -> str:
        return measured.experiments(self._site(), self._topic())

    def pitfalls(self) -> str:
        return topic.pitfalls(self._site(), self._topic())

    def links(self) -> str:
        return topic.links(self._site(), self._topic())

    # ------------------------------------------------------------------------------------------- supabase

    def supabase_plans(self) -> str:
        return supabase.plans(self._site())

    def supabase_sizes(self) -> str:
        return supabase.sizes(self._site())

    def supabase_rules(self) -> str:
        return supabase.rules(self._site())

    def supabase_scopes(self) -> str:
        return supabase.scopes()

    def supabase_step(self) -> str:
        return supabase.step(self._site())

    # ---------------------------------------------------------------------------------------- other pages

    def runbook(self) -> str:
        return runbook.page(self._site(), self._runbook())

    def runbooks(self) -> str:
        return runbook.index(self._site())

    def tiers(self) -> str:
        return tiers.table(self._site())

    def tier_pictures(self) -> str:
        return tiers.pictures(self._site())

    def sections(self) -> str:
        return home.sections(self._site())

    def coverage(self) -> str:
        return coverage.table(self._site())

    def verification(self) -> str:
        return verification.runs(self._site())

    def measurements(self) -> str:
        return measurements.what_was_run(self._site())

    def proof(self) -> str:
        return proof.report(self._site())

    # ------------------------------------------------------------------------------------------- the page

    def _fact(self, fact_id: str) -> Fact:
        return _known(self._site().guide.facts, fact_id, "fact")

    def _expectation(self, fact_id: str, tier: TierName | None) -> Expectation:
        fact = self._fact(fact_id)
        return self._site().claim(fact, _tier(fact, tier, fact.tiered)).expectation

    def _topic(self) -> Topic:
        site = self._site()
        return _known(site.guide.topics, site.links.page.removesuffix(".md"), "topic")

    def _runbook(self) -> Runbook:
        site = self._site()
        return _known(
            site.guide.runbooks, site.links.page.removeprefix("runbooks/").removesuffix(".md"), "runbook"
        )


def _known(records: Mapping[str, T], key: str, noun: str) -> T:
    if key not in records:
        raise LookupError(f"there is no {noun} `{key}` in the data")
    return records[key]


def _tier(fact: Fact, tier: TierName | None, is_tiered: bool) -> TierName:
    if tier is None and is_tiered:
        raise LookupError(f"`{fact.id}` differs by tier: name one of {', '.join(TIERS)}")
    if tier is not None and tier not in TIERS:
        raise LookupError(f"there is no tier `{tier}`; the tiers are {', '.join(TIERS)}")
    return tier or TIERS[0]
