"""What rules share: their form, and the problem they yield."""

from collections.abc import Callable, Iterator
from datetime import date

from scaling_guide.model.guide import Guide
from scaling_guide.model.problems import Problem
from scaling_guide.model.record import Record

Rule = Callable[[Guide, date], Iterator[Problem]]


def problem(record: Record, code: str, message: str, repair: str, key: str = "") -> Problem:
    """A problem at `key` of `record`, or at the record where the key is not written."""
    return Problem(record.place(key), code, message, repair)
