"""Read `data/` into a `Guide`, or say everything that is wrong with it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from scaling_guide.model import (
    budgets,
    cache_keys,
    environments,
    experiments,
    measurements,
    messages,
    questions,
    runbooks,
    sources,
    topics,
)
from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Invalid, Location, Problem
from scaling_guide.model.record import Id, Record, Text, TierName
from scaling_guide.model.rules import AGE_RULES, REFERENCE_CODES, RULES
from scaling_guide.model.systems import plan_records
from scaling_guide.model.today import today as current_day
from scaling_guide.model.yaml_text import Document, KeyPath, read

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_CODES = {
    "extra_forbidden": "UNKNOWN_KEY",
    "missing": "MISSING_KEY",
    "enum": "NOT_ONE_OF",
    "literal_error": "NOT_ONE_OF",
    "union_tag_invalid": "NOT_ONE_OF",
    "union_tag_not_found": "MISSING_KEY",
}
_REPAIRS = {
    "UNKNOWN_KEY": "remove the key or correct its spelling",
    "MISSING_KEY": "add the key",
    "NOT_ONE_OF": "use one of the values named",
    "WRONG_VALUE": "write a value of that form",
}
# pydantic's words for a form, in the words of someone who writes YAML: what is asked for, how to mend it
_FORMS = {
    "string_type": ("a text is needed", "put it in quotes"),
    "tuple_type": ("a list is needed", "write [a, b], or one item a line with a dash"),
    "dict_type": ("keys and values are needed", "write `key: value`, one a line"),
    "model_type": ("keys and values are needed", "write `key: value`, one a line"),
    "date_type": ("a date is needed", "write it as 2026-01-31"),
    "date_parsing": ("a date is needed", "write it as 2026-01-31"),
    "date_from_datetime_parsing": ("a date is needed", "write it as 2026-01-31"),
    "date_from_datetime_inexact": ("a date is needed", "write it as 2026-01-31"),
}


def load(
    directory: Path, variables: Mapping[str, str] = MappingProxyType({}), today: date | None = None
) -> Guide:
    """The guide under `directory`. Raises Invalid with every problem for which the data cannot be used.

    `variables` fills `${name}` in environment files; names it lacks are taken from the process environment.
    """
    guide, problems = examine(directory, variables, today)
    refusing = [problem for problem in problems if problem.refuses]
    if refusing or guide is None:
        raise Invalid(refusing)
    return guide


def examine(
    directory: Path, variables: Mapping[str, str] = MappingProxyType({}), today: date | None = None
) -> tuple[Guide | None, tuple[Problem, ...]]:
    """As much of the guide as could be read, and all problems. Never raises for what the files hold.

    `today` is the day that ages are counted from. Raises NoSuchDay where SG_TODAY names none.
    """
    reader = _Reader(directory, {**os.environ, **variables})
    guide = reader.guide()
    day = today or current_day()
    problems = list(reader.problems)
    for rule in RULES:
        for problem in rule(guide, day):
            # where a file could not be read, what refers to it is not dangling
            if not reader.problems or problem.code not in REFERENCE_CODES:
                problems.append(problem)
    old = {replace(problem, refuses=False) for rule in AGE_RULES for problem in rule(guide, day)}
    guide = guide.model_copy(update={"findings": tuple(sorted(old))})
    return guide, tuple(sorted({*problems, *old, *chain.from_iterable(guide.unavailable.values())}))


@dataclass
class _Reader:
    directory: Path
    variables: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    unavailable: dict[str, tuple[Problem, ...]] = field(default_factory=dict)

    def guide(self) -> Guide:
        written = self.folder("topics", topics.Topic, depth=2)
        procedures = self.folder("runbooks", runbooks.Runbook)
        accidents = self.folder("experiments", experiments.Experiment)
        comparisons = self.folder("measurements", measurements.Measurement)
        places = self.folder("environments", environments.Environment)
        asked = self.folder("questions", tuple[questions.Question, ...], depth=2)
        printed = self.folder("messages", dict[Id, messages.Message])
        for name, topic in written.items():
            topic._id = name
            for fact_id, fact in topic.facts.items():
                fact._id, fact._topic = fact_id, name
        for name, runbook in procedures.items():
            runbook._id = name
            for fact_id, fact in runbook.facts.items():
                fact._id, fact._runbook = fact_id, name
        for name, experiment in accidents.items():
            experiment._id = name
        for name, measurement in comparisons.items():
            measurement._id = name
        for name, environment in places.items():
            environment._name = name
            for target_id, target in environment.targets.items():
                target._id = target_id
        for name, each in asked.items():
            for question in each:
                question._topic = name
        for product, lines in printed.items():
            for message_id, message in lines.items():
                message._id, message._product = message_id, product
        names = self.read_if_there("names.yml", dict[Text, Text])
        guide = Guide(
            directory=self.directory,
            sections=self.file("guide.yml", tuple[topics.Section, ...], ()),
            tiers=self.file("tiers.yml", dict[TierName, topics.Tier], {}),
            sources=self.file("sources.yml", dict[Id, sources.Source], {}),
            budgets=self.file("budgets.yml", dict[Id, budgets.Budget], {}),
            thresholds=self.file("thresholds.yml", dict[Id, budgets.Threshold], {}),
            unnoticed=self.file("unnoticed.yml", tuple[topics.Unnoticed, ...], ()),
            names=names,
            cache_keys=self.file("cache_keys.yml", dict[Id, cache_keys.CacheKeys], {}),
            topics=written,
            runbooks=procedures,
            experiments=accidents,
            measurements=comparisons,
            plans=self.folder("plans", plan_records()),
            environments=places,
            unavailable=self.unavailable,
            questions=asked,
            messages=tuple(message for lines in printed.values() for message in lines.values()),
        )
        for environment in places.values():
            environment._cache_keys = guide.lifetimes(environment.tier)
            environment._default_names = names
        return guide

    def folder(self, name: str, kind: Any, depth: int = 1) -> dict[str, Any]:
        """The records of a folder, keyed by their path below it without the ending."""
        base = self.directory / name
        found: dict[str, Any] = {}
        for path in sorted(path for path in base.rglob("*") if path.suffix in (".yml", ".yaml")):
            below = path.relative_to(base)
            if path.suffix != ".yml" or len(below.parts) != depth:
                pattern = "/".join([name, *["<section>"] * (depth - 1), "<name>.yml"])
                what, repair = f"nothing reads {name}/{below.as_posix()}", f"name it {pattern}"
                self.problems.append(Problem(Location(path), "UNREAD_FILE", what, repair))
            elif path.is_file():
                record = self.read(path, kind)
                if record is not None:
                    found[below.with_suffix("").as_posix()] = record
        return found

    def file(self, name: str, kind: Any, empty: Any) -> Any:
        path = self.directory / name
        if not path.is_file():
            self.problems.append(
                Problem(Location(path), "MISSING_FILE", f"there is no {name}", "create the file")
            )
            return empty
        record = self.read(path, kind)
        return empty if record is None else record

    def read_if_there(self, name: str, kind: Any) -> dict[str, Any]:
        """The mapping in a file that need not exist."""
        path = self.directory / name
        return (self.read(path, kind) or {}) if path.is_file() else {}

    def read(self, path: Path, kind: Any) -> Any:
        """The record of a file, or None where it has problems of form; they are noted."""
        document = read(path)
        self.problems += document.problems
        if document.problems:
            return None
        value = document.value
        unset: list[Problem] = []
        if kind is environments.Environment:
            value = self._substituted(document, value, (), unset)
        try:
            record = _adapter(kind).validate_python(value)
        except ValidationError as error:
            found = [_problem(document, detail) for detail in error.errors(include_url=False)]
            # a value that is not there yet cannot be of the wrong form
            self.problems += [each for each in found if each.at not in {problem.at for problem in unset}]
            record = None
        if unset:
            self.unavailable[path.stem] = tuple(unset)
            return None
        if record is not None:
            _locate(record, document, ())
        return record

    def _substituted(self, document: Document, value: Any, keys: KeyPath, unset: list[Problem]) -> Any:
        """`value` with its variables filled in; those without a value are added to `unset`."""
        if isinstance(value, dict):
            return {
                key: self._substituted(document, item, (*keys, key), unset) for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._substituted(document, item, (*keys, index), unset) for index, item in enumerate(value)
            ]
        if not isinstance(value, str):
            return value

        def known(match: re.Match[str]) -> str:
            name = match.group(1)
            if name not in self.variables:
                what, repair = f"${{{name}}} has no value", f"set {name} in the process environment"
                unset.append(Problem(document.place(keys), "VARIABLE_UNSET", what, repair, refuses=False))
            return self.variables.get(name, match.group(0))

        return _VARIABLE.sub(known, value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """The validator of a kind of record: making one takes as long as reading a file."""
    return TypeAdapter(kind)


def _problem(document: Document, detail: Any) -> Problem:
    """A validation error as a problem at the place of the key it is about."""
    kind = detail["type"]
    code = _CODES.get(kind, "WRONG_VALUE")
    keys: KeyPath = ()
    for part in detail["loc"]:
        # a part that is no key of the file is pydantic's name for a union member
        if (*keys, part) in document.places:
            keys = (*keys, part)
    where = " > ".join(map(str, keys)) or "the file"
    repair = _REPAIRS[code]
    if kind == "extra_forbidden":
        message = f"`{detail['loc'][-1]}` is not a key here"
    elif kind == "missing":
        message = f"{where} lacks `{detail['loc'][-1]}`"
    elif kind == "union_tag_not_found":
        message = f"{where} lacks `{_discriminator(detail)}`"
    else:
        form, repair = _FORMS.get(kind, (detail["msg"].removeprefix("Value error, "), repair))
        if kind == "union_tag_invalid":
            keys = (*keys, _discriminator(detail))
            tags = re.findall(r"'[^']*'", detail["ctx"]["expected_tags"])
            form = f"one of {', '.join(tags)} is needed"
        # as it stands in the file, since a variable may have been filled in with a secret
        message = f"{where}: {form}{_found(document.written(keys))}"
    return Problem(document.place(keys), code, message, repair)


def _discriminator(detail: Any) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")


def _found(written: Any) -> str:
    if not isinstance(written, str | int | float | bool):
        return ""
    text = str(written)
    return f" (found `{text if len(text) <= 60 else text[:60] + '...'}`)"


def _locate(value: Any, document: Document, keys: KeyPath) -> None:
    """Tell each record, at any depth, where it and its values stand."""
    if isinstance(value, Record):
        names = {field.alias or name: name for name, field in type(value).model_fields.items()}
        value._at = document.place(keys)
        value._places = {
            name: document.places[(*keys, key)]
            for key, name in names.items()
            if (*keys, key) in document.places
        }
        for key, name in names.items():
            _locate(getattr(value, name), document, (*keys, key))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _locate(item, document, (*keys, str(key)))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            _locate(item, document, (*keys, index))
