"""What a class of cache keys must say so that its keys expire, spread, and can be told from others."""

from collections.abc import Iterator
from datetime import date

from scaling_guide.model.cache_keys import CacheKeys, Documented
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.rules.rule import problem

# of each kind: what it must say, and what makes no sense for it
_NEEDED: dict[str, tuple[str, ...]] = {
    "value": ("ttl", "jitter", "negative", "generation"),
    "lock": ("ttl",),
    "session": (),
}
_SENSELESS = {"value": (), "lock": ("jitter", "negative", "generation"), "session": ("jitter", "negative")}


def incomplete(guide: Guide, today: date) -> Iterator[Problem]:
    for name, keys in guide.cache_keys.items():
        lacking = [field for field in _NEEDED[keys.kind] if getattr(keys, field) is None]
        if lacking:
            what = f"{name} is a {keys.kind} and says nothing of {', '.join(lacking)}"
            yield problem(keys, "CACHE_KEYS_INCOMPLETE", what, "say it, or name another kind")
        for field in _SENSELESS[keys.kind]:
            if getattr(keys, field) is not None:
                what = f"{name} is a {keys.kind}, for which there is no {field}"
                yield problem(keys, "CACHE_KEYS_INCOMPLETE", what, "drop it, or name another kind", field)
        if ("{generation}" in keys.prefix) is not (keys.generation is not None):
            what = f"{name}: its generation and its prefix do not speak of each other"
            repair = "put {generation} into the prefix, and its number under `generation`"
            yield problem(keys, "CACHE_KEYS_INCOMPLETE", what, repair, "prefix")


def ambiguous(guide: Guide, today: date) -> Iterator[Problem]:
    for name, keys in guide.cache_keys.items():
        for other, others in guide.cache_keys.items():
            if name != other and keys.begins.startswith(others.begins):
                what = f"every key of {name} is one of {other} as well"
                yield problem(keys, "CACHE_KEYS_AMBIGUOUS", what, "let none begin like another", "prefix")


def unknown_fact(guide: Guide, today: date) -> Iterator[Problem]:
    for name, keys in guide.cache_keys.items():
        for field, value in _documented(keys).items():
            if value.fact not in guide.facts:
                what = f"{name}: {value.fact} is no fact"
                yield problem(keys, "UNKNOWN_VALUE", what, "name a fact, or write the value", field)


def _documented(keys: CacheKeys) -> dict[str, Documented]:
    values = {field: getattr(keys, field) for field in ("ttl", "jitter")}
    return {field: value for field, value in values.items() if isinstance(value, Documented)}
