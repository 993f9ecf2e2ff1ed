"""What a fact must be so that its check can be red, and is never green without looking."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from scaling_guide.model.environments import PLACEHOLDERS
from scaling_guide.model.expectation import Operator, Undetermined, as_list
from scaling_guide.model.facts import Fact, is_tiered
from scaling_guide.model.guide import Guide
from scaling_guide.model.mutants import wrong_values
from scaling_guide.model.problems import Location, Problem
from scaling_guide.model.record import TIERS
from scaling_guide.model.rules.rule import problem
from scaling_guide.model.systems import probe_names, systems
from scaling_guide.model.units import Unit, meaning
from scaling_guide.model.versions import version

# found values that a check must never take for an answer
_NOTHING: tuple[Any, ...] = (None, "", [])

_ORDERED = (Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN)
_ONE_VALUE = (Operator.AT_LEAST, Operator.AT_MOST, Operator.MATCHES)
_LEAVES_ROOM = (*(Operator.BETWEEN, Operator.ONE_OF, Operator.MATCHES),)

_PLACEHOLDER = re.compile(r"\{[a-z]+(?: [a-z]+)*\}")

_TEMPLATE_VALUE = re.compile(r"\bv\[['\"]([^'\"]+)['\"]\]")


def probe_of_another_system(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for system in fact.systems:
            if system not in probe_names()[fact.probe]:
                repair = f"use a probe of {system}, or drop {system} from `systems`"
                yield problem(fact, "PROBE_SYSTEM", f"{fact.probe} cannot look at {system}", repair, "probe")


def missing_tier(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        yield from _tier_problems(fact)


def operand_of_wrong_form(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        yield from _operand_problems(fact)


def value_without_meaning(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        if not list(_operand_problems(fact)):
            yield from _unit_problems(fact)


def _without_roles(guide: Guide, setting: str) -> str:
    """A setting without `{site}` and the roles that data/names.yml has names for."""
    for role in ("site", *guide.names):
        setting = setting.replace(f"{{{role}}}", "")
    return setting


def placeholder_unknown(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        texts = {"setting": _without_roles(guide, fact.setting)}
        if fact.operator is not Operator.MATCHES:
            values = _values(fact.expect[fact.operator])
            texts["expect"] = " ".join(str(value) for value in values if str(value) not in PLACEHOLDERS)
        for key, text in texts.items():
            for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
                what = f"{fact.id}: nothing fills in {name} here"
                repair = f"as a whole value use one of {', '.join(PLACEHOLDERS)}; in a setting {{site}}"
                yield problem(fact, "UNKNOWN_PLACEHOLDER", what, repair, key)


def green_on_nothing(guide: Guide, today: date) -> Iterator[Problem]:
    """Try each expectation on nothing, and on a population without a member where the record allows none."""
    for fact in _sound(guide):
        setting = fact.setting.replace("*", "any")
        nothing = [*_NOTHING, Undetermined("too little data")]
        nothing += [] if fact.when_empty else [Undetermined("no member", empty=True)]
        tries: list[dict[str, Any]] = [{}, *({setting: found} for found in nothing)]
        if any(fact.expectation(tier).judge(found, setting).met for tier in TIERS for found in tries):
            what = f"{fact.id} would pass when nothing was found"
            repair = "expect a value that finding nothing, or nothing to count, does not meet"
            yield problem(fact, "GREEN_ON_NOTHING", what, repair, "expect")


def empty_version_range(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        if fact.since and fact.until and version(fact.since) >= version(fact.until):
            what = f"{fact.id} applies to no version"
            yield problem(fact, "VERSION_RANGE", what, "`since` must be below `until`", "since")


def nothing_to_use(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = rendered_facts(guide.directory)
    for fact in guide.facts.values():
        filled = any(map(_is_placeholder, _values(fact.expect[fact.operator])))
        room = filled or fact.operator in _LEAVES_ROOM
        if fact.id in rendered and room and fact.use is None:
            what = f"{fact.id} leaves room, and templates need one value"
            yield problem(fact, "NOTHING_TO_USE", what, "say which under `use`", "expect")


def use_out_of_bounds(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in _sound(guide):
        for tier in TIERS if fact.use is not None else ():
            expectation = fact.expectation(tier)
            if not expectation.judge({"used": fact.used(tier)}, "used").met:
                what = f"{fact.id} uses {fact.used(tier)} for {tier}, which is not {expectation.words()}"
                yield problem(
                    fact, "USE_OUT_OF_BOUNDS", what, "use a value that meets the expectation", "use"
                )


def unproven_fact(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = set(rendered_facts(guide.directory))
    seeing = {name for fact in guide.facts.values() for name in fact.seen_by}
    for fact in guide.facts.values():
        if fact.id not in rendered | seeing and not fact.mutations:
            what = f"nothing can turn {fact.id} red"
            repair = "render it, name the `mutations` that break it, or the fact that is `seen_by` it"
            yield problem(fact, "UNPROVEN", what, repair)


def mutation_without_fact(guide: Guide, today: date) -> Iterator[Problem]:
    for fact in guide.facts.values():
        for system in fact.systems:
            needed = {each for name in fact.mutations for each in systems()[system].looks_up.get(name, ())}
            for missing in sorted(needed - guide.facts.keys()):
                what = f"a mutation of {fact.id} looks up {missing}, which no topic documents"
                repair = f"name it so again, or correct `looks_up` of the system {system}"
                yield problem(fact, "MUTATION_FACT", what, repair, "mutations")


def nothing_wrong_to_render(guide: Guide, today: date) -> Iterator[Problem]:
    rendered = rendered_facts(guide.directory)
    for fact in _sound(guide):
        if fact.id not in rendered or any(map(_is_placeholder, _values(fact.expect[fact.operator]))):
            continue
        if not wrong_values(fact.expectation("small"), fact.alternatives):
            what = f"{fact.id} has no wrong value that the lab could render"
            yield problem(
                fact, "NO_ALTERNATIVE", what, "name other values of the product under `alternatives`"
            )


def rendered_facts(directory: Path) -> dict[str, Location]:
    """The ids of facts that templates below `directory` put into config files, with the first place."""
    found: dict[str, Location] = {}
    for path in sorted((directory / "templates").glob("*/*.j2")):
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
            for match in _TEMPLATE_VALUE.finditer(line):
                found.setdefault(match.group(1), Location(path, number, match.start(1) + 1))
    return found


def _sound(guide: Guide) -> Iterator[Fact]:
    """The facts whose values can be read for every tier."""
    for fact in guide.facts.values():
        if (
            not any(_tier_problems(fact))
            and not any(_operand_problems(fact))
            and not any(_unit_problems(fact))
        ):
            yield fact


def _tier_problems(fact: Fact) -> Iterator[Problem]:
    for key, written in (("expect", fact.expect[fact.operator]), ("use", fact.use)):
        if is_tiered(written) and set(written) != set(TIERS):
            lacking = ", ".join(tier for tier in TIERS if tier not in written)
            what = f"{fact.id} has no value for {lacking} under `{key}`"
            yield problem(fact, "TIER_MISSING", what, "give a value for every tier", key)


def _operand_problems(fact: Fact) -> Iterator[Problem]:
    for value in _values(fact.expect[fact.operator]):
        wanted = _operand_wanted(fact.operator, value, fact.unit)
        if wanted:
            what = f"{fact.id}: {fact.operator} takes {wanted}"
            yield problem(fact, "WRONG_OPERAND", what, "write the value in that form", "expect")


def _operand_wanted(operator: Operator, value: Any, unit: Unit) -> str | None:
    """What `operator` takes, where `value` is not it."""
    items = as_list(value)
    if not items or any(item in (None, "") or isinstance(item, dict | list) for item in items):
        return "a value that something found can meet, or one for each of " + ", ".join(TIERS)
    if operator is Operator.BETWEEN:
        return None if _is_range(value, unit) else "[low, high]"
    if operator in _ONE_VALUE and isinstance(value, list):
        return "one value, not a list"
    if operator is Operator.MATCHES and not _is_pattern(value):
        return "a regular expression"
    return None


def _is_range(value: Any, unit: Unit) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    try:
        return bool(meaning(value[0], unit) <= meaning(value[1], unit))
    except ValueError:
        return True  # the unit is what is wrong


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(str(value))
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _unit_problems(fact: Fact) -> Iterator[Problem]:
    if fact.operator in _ORDERED and fact.unit in (Unit.TEXT, Unit.BOOLEAN):
        what = f"{fact.id}: {fact.operator} cannot order values of unit {fact.unit}"
        yield problem(fact, "WRONG_UNIT", what, "set `unit` to what the value counts", "expect")
        return
    if fact.operator is Operator.MATCHES:
        return
    for value in _values(fact.expect[fact.operator]):
        try:
            for item in as_list(value):
                if not _is_placeholder(item):
                    meaning(item, fact.unit)
        except ValueError as error:
            repair = f"write it in {fact.unit}, or change `unit`"
            yield problem(fact, "WRONG_UNIT", f"{fact.id}: {error}", repair, "expect")


def _is_placeholder(value: Any) -> bool:
    return _PLACEHOLDER.fullmatch(str(value)) is not None


def _values(written: Any) -> list[Any]:
    """The value of every tier that has one, or the only value."""
    return [written[tier] for tier in TIERS if tier in written] if is_tiered(written) else [written]
