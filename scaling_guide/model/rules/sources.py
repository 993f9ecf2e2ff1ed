"""Every number has a source, of a kind, looked at not too long ago."""

from collections.abc import Iterator
from datetime import date, timedelta

from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.sources import Citation, SourceKind
from scaling_guide.model.topics import Pitfall

# days after which a figure of this kind must be looked at again; limits change more often than defaults
FRESH_DAYS = {
    SourceKind.VENDOR_LIMIT: 180,
    SourceKind.VENDOR_DEFAULT: 365,
    SourceKind.VENDOR_ADVICE: 365,
    SourceKind.STANDARD: 365,
    SourceKind.MEASURED: 180,
    SourceKind.RULE_OF_THUMB: 730,
}


def figure_without_source(guide: Guide, today: date) -> Iterator[Problem]:
    for citation in citations(guide):
        if citation.ref is None and citation.kind is not SourceKind.RULE_OF_THUMB:
            what = f"a {citation.kind} needs the source it was read from"
            yield problem(citation, "SOURCE_MISSING", what, "add `ref`, or call it a rule of thumb", "kind")
    for budget in guide.budgets.values():
        for name, term in budget.terms.items():
            if term.value is not None and term.source is None:
                what = f"the figure of {name} has no source"
                yield problem(term, "SOURCE_MISSING", what, "add `source`, or name a `fact`", "value")


def source_without_address(guide: Guide, today: date) -> Iterator[Problem]:
    for name, source in guide.sources.items():
        if (source.url is None) == (source.script is None):
            yield problem(
                source, "SOURCE_ADDRESS", f"{name} needs a url or a script", "give exactly one of the two"
            )


def stale_source(guide: Guide, today: date) -> Iterator[Problem]:
    for citation in citations(guide):
        source = guide.sources.get(citation.ref or "")
        days = FRESH_DAYS[citation.kind]
        if source and today - source.seen > timedelta(days=days):
            what = f"{citation.ref} was looked at on {source.seen}, a {citation.kind} keeps for {days} days"
            yield problem(citation, "SOURCE_STALE", what, "read it again and set `seen`", "ref")


def source_from_the_future(guide: Guide, today: date) -> Iterator[Problem]:
    for name, source in guide.sources.items():
        if source.seen > today:
            yield problem(
                source, "SOURCE_FUTURE", f"{name} was looked at on {source.seen}", "correct the date", "seen"
            )


def citations(guide: Guide) -> Iterator[Citation]:
    """Every citation in the guide."""
    citing: tuple[Fact | Pitfall, ...] = (
        *guide.facts.values(),
        *(pitfall for topic in guide.topics.values() for pitfall in topic.pitfalls),
    )
    yield from (record.source for record in citing)
    yield from (tier.source for tier in guide.tiers.values())
    yield from (threshold.source for threshold in guide.thresholds.values())
    for sold in guide.plans.values():
        yield from sold.citations
    for budget in guide.budgets.values():
        yield budget.source
        yield from (term.source for term in budget.terms.values() if term.source)
