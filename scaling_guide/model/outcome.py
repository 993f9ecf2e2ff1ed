"""What can come of a check, and what a whole run amounts to."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """Only `pass` and `fail` say something about the environment; the others say why nothing was said.

    `undetermined`: the target answered, and that was too little to judge by. `not_applicable`: the fact is
    not about this version, plan, role or capability.
    """

    PASS = "pass"
    FAIL = "fail"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    UNDETERMINED = "undetermined"
    NOT_APPLICABLE = "not_applicable"
    WAIVED = "waived"
    FLAKY = "flaky"
    ERROR = "error"


INCONCLUSIVE = frozenset(
    {
        *(Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.UNSUPPORTED, Outcome.UNDETERMINED),
        *(Outcome.FLAKY, Outcome.ERROR),
    }
)


class ExitCode:
    """Exit codes of every command that verifies; scripts branch on them."""

    VERIFIED = 0
    DRIFT = 1
    USAGE = 4
    NOTHING_SELECTED = 5
    INCONCLUSIVE = 10
    NOTHING_VERIFIED = 11
    INTERRUPTED = 130


def exit_code(outcomes: Iterable[Outcome], before: bool = False) -> int:
    """The exit code of a run: drift outweighs doubt, doubt outweighs green, and an empty run is not green.

    `before` an action a waived drift is drift: it is accepted for a while, and the action relies on it.
    """
    counts = Counter(outcomes)
    if not counts:
        return ExitCode.NOTHING_SELECTED
    if counts[Outcome.FAIL] or (before and counts[Outcome.WAIVED]):
        return ExitCode.DRIFT
    if any(counts[outcome] for outcome in INCONCLUSIVE):
        return ExitCode.INCONCLUSIVE
    if not counts[Outcome.PASS]:
        return ExitCode.NOTHING_VERIFIED
    return ExitCode.VERIFIED
