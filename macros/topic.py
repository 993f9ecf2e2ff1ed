"""The blocks of a topic page."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from macros.context import Context, names
from macros.escape import cell, fill
from macros.reports import OUTCOMES
from macros.verification import results
from scaling_guide.model.budgets import Budget, Term
from scaling_guide.model.facts import Fact, for_tier
from scaling_guide.model.pages import slug
from scaling_guide.model.record import TIERS, TierName
from scaling_guide.model.topics import Topic
from scaling_guide.model.units import words
from scaling_guide.probes.probe import probe

# what a reader wants to hear first, then the worst
_SPOKEN = ("pass", *(outcome for outcome in OUTCOMES if outcome != "pass"), "changed since")
_STEPS: tuple[tuple[TierName, TierName], ...] = (("small", "medium"), ("medium", "large"))


class Seen(NamedTuple):
    """What one environment last said of several facts, in words such as `23 pass, 1 fail`."""

    environment: str
    words: str
    when: datetime | None
    age: str | None = None


def header(site: Context, topic: Topic) -> str:
    """The outcome of the topic in one line, who answers for it, and when it was last verified."""
    return fill(
        "header",
        outcome=topic.outcome,
        strip={"Owner": topic.owner},
        status=topic.status,
        reviewed=topic.reviewed,
        verified=seen(site, topic.facts),
    )


def settings(site: Context, facts: Iterable[Fact]) -> str:
    """Each fact with its value for every tier, why, where that comes from, and what was last seen of it.

    Facts stand under a heading for the systems they speak about; the anchor of a fact is its id.
    """
    groups: dict[tuple[str, ...], list[Fact]] = {}
    for fact in facts:
        groups.setdefault(fact.systems, []).append(fact)
    blocks = []
    for spoken_of, members in groups.items():
        if len(groups) > 1:
            blocks.append(f"### {names(spoken_of)}")
        blocks.append(fill("settings", site=site, tiers=TIERS, facts=members))
    return "\n\n".join(blocks)


def changes(site: Context, facts: Iterable[Fact]) -> str:
    """What a reader has to change when moving up a tier."""
    tiered = [fact for fact in facts if fact.tiered]
    rows = [(fact, [_change(site, fact, *step) for step in _STEPS]) for fact in tiered]
    rows = [(fact, steps) for fact, steps in rows if any(steps)]
    if not rows:
        return "Nothing changes between the tiers: every value is the same on all three."
    lines = ["| Setting | " + " | ".join(f"{old} to {new}" for old, new in _STEPS) + " |", "|---|---|---|"]
    for fact, steps in rows:
        shown = " | ".join(cell(step) if step else "no change" for step in steps)
        name = f"`{site.parameter(fact)}` " if site.parameter(fact) else ""
        lines.append(f"| {names(fact.systems)}: [{name}{cell(fact.label)}](#{fact.id}) | {shown} |")
    return "\n".join(lines)


def checks(site: Context, topic: Topic) -> str:
    """How the topic is checked: what is read, from which systems, for which settings."""
    probes: dict[str, list[Fact]] = {}
    for fact in topic.facts.values():
        probes.setdefault(fact.probe, []).append(fact)
    return fill(
        "checks",
        site=site,
        topic=topic,
        probes=probes,
        effect=_effect,
        names=names,
        results=results(site, topic),
    )


def budgets(site: Context, topic: Topic) -> str:
    """The arithmetic across systems that the topic's settings take part in, with the figures of each tier.

    A budget stands on the page of the topic that most of its terms belong to; others link to it.
    """
    here: dict[str, Budget] = {}
    elsewhere: list[tuple[str, str]] = []
    for id, budget in site.guide.budgets.items():
        if any(term.fact in topic.facts for term in budget.terms.values()):
            home = _home(site, budget)
            if home in (topic.id, None):
                here[id] = budget
            else:
                elsewhere.append((budget.title, site.links.to(f"{home}.md", f"budget-{id}")))

    def figures(term: Term) -> list[str]:
        if term.fact is not None:
            fact = site.guide.facts[term.fact]
            return [words(fact.used(tier), fact.unit) for tier in TIERS]
        if term.tier is not None:
            return [words(getattr(site.guide.tiers[tier], term.tier), term.unit) for tier in TIERS]
        return [words(for_tier(term.value, tier), term.unit) for tier in TIERS]

    return fill("budgets", site=site, budgets=here, elsewhere=elsewhere, tiers=TIERS, term_figures=figures)


def _home(site: Context, budget: Budget) -> str | None:
    """The written topic that most terms of a budget belong to."""
    facts = [site.guide.facts.get(term.fact or "") for term in budget.terms.values()]
    topics = Counter(fact.topic for fact in facts if fact and fact.topic and site.is_written(fact.topic))
    return topics.most_common(1)[0][0] if topics else None


def cache_keys(site: Context) -> str:
    """The classes of keys in Redis: whose they are, how long they live, how they are made invalid."""
    return fill("cache_keys", site=site, classes=site.guide.cache_keys.values())


def thresholds(site: Context, topic: Topic) -> str:
    """When to act: the alerts that lead here, what they mean and which runbook they open."""
    return fill("thresholds", site=site, thresholds=site.thresholds(topic.id))


def pitfalls(site: Context, topic: Topic) -> str:
    """What went wrong for real, why, and what to do instead."""
    return fill("pitfalls", site=site, pitfalls=[(slug(each.title), each) for each in topic.pitfalls])


def links(site: Context, topic: Topic) -> str:
    """The runbooks of the topic and the topics beside it."""
    return fill("links", site=site, topic=topic)


def seen(site: Context, facts: Iterable[str]) -> list[Seen]:
    """What each environment last said of the facts with these ids."""
    counts: dict[str, Counter[str]] = {}
    moments: dict[str, list[datetime]] = {}
    ages: dict[str, str] = {}
    for fact in facts:
        for state in site.states(fact):
            counts.setdefault(state.environment, Counter()).update(state.outcomes)
            if state.changed:
                counts[state.environment]["changed since"] += 1
            if state.age:
                ages.setdefault(state.environment, state.age)
            if state.seen:
                moments.setdefault(state.environment, []).append(state.seen)
    return [
        Seen(
            environment,
            ", ".join(f"{counted[word]} {word.replace('_', ' ')}" for word in _SPOKEN if counted[word]),
            max(moments.get(environment, []), default=None),
            ages.get(environment),
        )
        for environment, counted in sorted(counts.items())
    ]


def _effect(name: str) -> str:
    """What one look does to the environment, in words."""
    words = {0: "read: no request", 1: "probe: one ordinary request"}
    requests = probe(name).requests
    return words.get(requests, f"probe: about {requests} ordinary requests")


def _change(site: Context, fact: Fact, old: TierName, new: TierName) -> str | None:
    before, after = (site.claim(fact, tier).expectation.words() for tier in (old, new))
    return None if before == after else f"{before} becomes {after}"
