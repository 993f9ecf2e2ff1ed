"""What a fact must be so that its check can be red, and is never green without looking."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from scaling_guide.model.expectation import Operator, as_list
from scaling_guide.model.facts import Fact
from scaling_guide.model.guide import Guide
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.record import TIERS, Probe, System, TierName
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.units import meaning

PROBE_SYSTEMS: dict[Probe, tuple[System, ...]] = {
    Probe.NGINX_CONFIG: (System.NGINX,),
    Probe.NGINX_PROCESS: (System.NGINX,),
    Probe.NGINX_STATUS: (System.NGINX,),
    Probe.HAPROXY_CONFIG: (System.HAPROXY,),
    Probe.HAPROXY_RUNTIME: (System.HAPROXY,),
    Probe.HTTP: (System.NGINX, System.HAPROXY),
    Probe.TLS: (System.NGINX, System.HAPROXY),
    Probe.HOST: (System.NGINX, System.HAPROXY),
    Probe.APP: (System.APP,),
}

# found values that a check must never take for an answer
_NOTHING: tuple[Any, ...] = (None, "", [])

# what an environment fills in
_PLACEHOLDER = re.compile(r"\{[a-z ]+\}")

_TEMPLATE_VALUE = re.compile(r"\bv\[['\"]([^'\"]+)['\"]\]")


def probe_of_another_system(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for system in fact.systems:
            if system not in PROBE_SYSTEMS[fact.probe]:
                repair = f"use a probe of {system}, or drop {system} from `systems`"
                yield problem(fact, "PROBE_SYSTEM", f"{fact.probe} cannot look at {system}", repair, "probe")


def missing_tier(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        written = fact.expect[fact.operator]
        if fact.tiered and set(written) != set(TIERS):
            lacking = ", ".join(tier for tier in TIERS if tier not in written)
            yield problem(fact, "TIER_MISSING", f"{fact.id} has no value for {lacking}", "give one", "expect")


def value_without_meaning(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for value in _written(fact):
            if fact.operator in (Operator.PRESENT, Operator.ABSENT, Operator.MATCHES):
                continue
            try:
                for item in as_list(value):
                    if not _PLACEHOLDER.fullmatch(str(item)):
                        meaning(item, fact.unit)
            except ValueError as error:
                repair = f"write it in {fact.unit}, or change `unit`"
                yield problem(fact, "WRONG_UNIT", f"{fact.id}: {error}", repair, "expect")


def operand_of_wrong_form(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for value in _written(fact):
            many = isinstance(value, list)
            if fact.operator is Operator.BETWEEN and (not many or len(value) != 2):
                yield problem(
                    fact,
                    "WRONG_OPERAND",
                    f"{fact.id}: between takes [low, high]",
                    "write two values",
                    "expect",
                )
            elif fact.operator in (Operator.AT_LEAST, Operator.AT_MOST, Operator.MATCHES) and many:
                what = f"{fact.id}: {fact.operator} takes one value"
                yield problem(fact, "WRONG_OPERAND", what, "write one value, not a list", "expect")


def green_on_nothing(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        if fact.when_absent is not None and fact.operator is Operator.ABSENT:
            continue
        setting = fact.setting.replace("*", "any")
        tries = [{}, *({setting: nothing} for nothing in _NOTHING)]
        if fact.operator is Operator.ABSENT or any(
            fact.expectation(tier).judge(found, setting).met for tier in _tiers(fact) for found in tries
        ):
            repair = "say under `when_absent` why, and which `witness` proves that somebody looked"
            yield problem(
                fact, "GREEN_WHEN_ABSENT", f"{fact.id} passes when nothing was found", repair, "expect"
            )


def needless_absent_rule(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        if fact.when_absent and fact.operator is not Operator.ABSENT:
            what = f"{fact.id} cannot pass when absent"
            yield problem(fact, "NEEDLESS_WHEN_ABSENT", what, "drop `when_absent`", "when_absent")


def empty_version_range(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        if fact.since and fact.until and version(fact.since) >= version(fact.until):
            what = f"{fact.id} applies to no version"
            yield problem(fact, "VERSION_RANGE", what, "`since` must be below `until`", "since")


def nothing_to_use(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = rendered_facts(guide.directory)
    for fact in guide.facts.values():
        room = fact.operator in (Operator.BETWEEN, Operator.ONE_OF, Operator.MATCHES, Operator.NOT_EQUALS)
        if fact.id in rendered and room and fact.use is None:
            what = f"{fact.id} leaves room, and templates need one value"
            yield problem(fact, "NOTHING_TO_USE", what, "say which under `use`", "expect")


def use_out_of_bounds(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for tier in TIERS if fact.use is not None else ():
            expectation = fact.expectation(tier)
            if not expectation.judge({"used": fact.used(tier)}, "used").met:
                what = f"{fact.id} uses {fact.used(tier)} for {tier}, which is not {expectation.words()}"
                yield problem(
                    fact, "USE_OUT_OF_BOUNDS", what, "use a value that meets the expectation", "use"
                )


def unproven_fact(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = set(rendered_facts(guide.directory))
    for fact in guide.facts.values():
        if fact.id not in rendered and not fact.mutations:
            what = f"nothing can turn {fact.id} red"
            repair = "render it in a template of its system, or name the `mutations` that break it"
            yield problem(fact, "UNPROVEN", what, repair)


def nothing_wrong_to_render(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = rendered_facts(guide.directory)
    for fact in guide.facts.values():
        if fact.id in rendered and not wrong_values(fact.expectation("small"), fact.alternatives):
            what = f"{fact.id} has no wrong value that the lab could render"
            yield problem(
                fact, "NO_ALTERNATIVE", what, "name other values of the product under `alternatives`"
            )


def template_without_fact(guide: Guide, today: date) -> Iterator[Problem]:
    for name, at in rendered_facts(guide.directory).items():
        if name not in guide.facts:
            yield Problem(at, "UNKNOWN_VALUE", f"{name} is no fact", "correct the id or write the fact")


def rendered_facts(directory: Path) -> dict[str, Location]:
    """The ids of facts that templates below `directory` put into config files, with the first place."""
    found: dict[str, Location] = {}
    for path in sorted((directory / "templates").glob("*/*.j2")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            for match in _TEMPLATE_VALUE.finditer(line):
                found.setdefault(match.group(1), Location(path, number, match.start(1) + 1))
    return found


def version(text: str) -> tuple[int, ...]:
    """`1.22.1` as (1, 22, 1)."""
    return tuple(int(part) for part in text.split("."))


def _tiers(fact: Fact) -> tuple[TierName, ...]:
    if not fact.tiered:
        return TIERS[:1]
    return tuple(tier for tier in TIERS if tier in fact.expect[fact.operator])


def _written(fact: Fact) -> list[Any]:
    return [fact.value(tier) for tier in _tiers(fact)]
