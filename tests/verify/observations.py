"""Observations in which everything documented holds, made from the documentation itself."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from scaling_guide.model.environments import Environment
from scaling_guide.model.expectation import Expectation, Operator, as_list
from scaling_guide.model.facts import Claim
from scaling_guide.model.guide import Guide
from scaling_guide.model.load import load
from scaling_guide.model.mutants import right_value
from scaling_guide.verify.check import Check
from scaling_guide.verify.selection import Selection, select

REPO = Path(__file__).parents[2]


@cache
def guide() -> Guide:
    """The guide of this checkout, for a lab that is not up."""
    variables = {"net": "127.42.0", "root": "/tmp/no-such-lab", "repo": str(REPO), "user": "me"}
    return load(REPO / "data", variables)


def checks(environment: Environment) -> tuple[Check, ...]:
    return select(guide(), environment, Selection())


def right(expectation: Expectation) -> Any:
    """A value that meets `expectation`, whatever its operator; None where only a new operator can tell."""
    derived = right_value(expectation)
    if derived is not None:
        return derived
    others = {
        Operator.MATCHES: lambda: matching(str(expectation.value)),
        Operator.WITHIN: lambda: as_list(expectation.value),
    }
    return others.get(expectation.operator, lambda: None)()


@cache
def matching(pattern: str) -> str:
    """A text that `pattern` matches, and no trivial one."""
    # any example will do, so none is made simpler
    quick = settings(
        database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    strategy = st.from_regex(pattern, fullmatch=True)
    return find(strategy, lambda text: text.isprintable() and bool(text.strip()), settings=quick)


def at(setting: str) -> str:
    """A setting of an observation that `setting` names."""
    return setting.replace("*", "1")


def holding(claims: Iterable[Claim]) -> Mapping[str, Any]:
    """Values of an observation in which all of `claims` hold."""
    by_setting: dict[str, list[Claim]] = {}
    for claim in claims:
        by_setting.setdefault(at(claim.setting), []).append(claim)
    return dict(_held(by_setting))


def _held(by_setting: Mapping[str, list[Claim]]) -> Iterator[tuple[str, Any]]:
    for setting, claims in by_setting.items():
        candidates = [right(claim.expectation) for claim in claims]
        for value in candidates:
            if all(claim.judge({setting: value}).met for claim in claims):
                yield setting, value
                break
        else:
            raise AssertionError(f"no value of {setting} meets {[claim.expectation for claim in claims]}")


def documented(environment: Environment) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """What each probe sees of each target where everything is as documented."""
    claims: dict[tuple[str, str], list[Claim]] = {}
    for check in checks(environment):
        claims.setdefault(check.needs, []).append(check.fact.claim(environment))
    return {need: holding(each) for need, each in claims.items()}
